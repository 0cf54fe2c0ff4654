import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mtzoo.data.coco_shapes import segmentation_box


def _lengths(mask: np.ndarray) -> list[int]:
    """Lengths of runs of equal pixels, down the columns."""
    values = mask.ravel(order="F")
    starts = np.flatnonzero(np.diff(values, prepend=2))
    return np.diff(starts, append=values.size).tolist()


@pytest.mark.parametrize("compressed", [False, True])
def test_runs_of_pixels_are_boxed_as_pycocotools_writes_them(compressed):
    rng = np.random.default_rng(3)
    for _ in range(200):
        height, width = rng.integers(1, 40, 2).tolist()
        mask = (rng.random((height, width)) < rng.choice([0.02, 0.3, 0.9])).astype(np.uint8)
        counts = coco_mask.encode(np.asfortranarray(mask))["counts"].decode() if compressed else (
            _lengths(mask) if mask[0, 0] == 0 else [0, *_lengths(mask)])
        ys, xs = np.nonzero(mask)
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if xs.size else None
        assert segmentation_box({"size": [height, width], "counts": counts}) == box


def test_polygons_are_boxed_together():
    assert segmentation_box([[1, 2, 9, 2, 9, 7.5]]) == (1, 2, 9, 7.5)
    assert segmentation_box([[1, 2, 9, 2, 9, 7], [20, 0, 30, 0, 30, 5]]) == (1, 0, 30, 7)
    assert segmentation_box([1, 2, 9, 2, 9, 7]) == (1, 2, 9, 7), "not nested"
    assert segmentation_box([[[1, 2], [9, 2], [9, 7]]]) == (1, 2, 9, 7), "corners as pairs"


@pytest.mark.parametrize("forged", [
    None, [], {}, "x", [[]], [[1, 2]], [[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5, "6"]], [[1, 2, 3, 4, 5, float("nan")]], [[1, 2], 3],
    [[1, 2, 3, 4, 5, 10**400]], {"size": [4, 4]}, {"size": [4, 4], "counts": [3, -1, 14]}, {"size": [4, 4], "counts": [1, 40]},
    {"size": [4, 4], "counts": [16]}, {"size": [0, 4], "counts": [0]}, {"size": [10**6, 10**6], "counts": [1, 2]},
    {"size": [4, 4], "counts": "o" * 10_000}, {"size": [4, 4], "counts": "\u20ac"}, {"size": [4, 4], "counts": "P"},
    {"size": [4], "counts": "1"}, {"size": ["4", 4], "counts": "1"}, {"size": [4, 4], "counts": [True, 3]},
])
def test_what_is_no_segmentation_has_no_box(forged):
    assert segmentation_box(forged) is None
