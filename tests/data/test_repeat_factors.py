"""Images with rare classes come more often, by the formula of LVIS, over all sources of a task."""

from dataclasses import replace
from math import sqrt

import cv2
import numpy as np
import pytest

from mtzoo.config import config_from_dict
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.groups import build_groups
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.data.repeat_factors import repeat_factors
from mtzoo.errors import UserError
from tests.tiny import config_values, write_images


def factors(tasks):
    return repeat_factors(build_groups(tasks), tasks)


def test_a_class_in_few_images_gives_them_a_factor(tiny):
    """Of the masks a, b, c and d, b has road's neighbour sky, c tree; a and d road: shares 1/2, 1/4, 1/4."""
    task = replace(tiny.masks_task(), oversample_thr=0.4)
    found = factors([task])
    rare = sqrt(0.4 / 0.25)
    assert found.images[0] == pytest.approx([1, rare, rare, 1])
    assert found.classes == {"seg": {"sky": (0.25, pytest.approx(rare)), "tree": (0.25, pytest.approx(rare))}}
    assert factors([replace(task, oversample_thr=None)]) is None
    assert factors([replace(task, oversample_thr=0.1)]).images[0].tolist() == [1, 1, 1, 1]


def test_boxes_count_where_they_are_no_ignore_regions_and_the_rarest_of_all_tasks_decides(tiny):
    """Of a, b and c, which have boxes, a has a car and a crowd of persons: that is an ignore region."""
    boxes, masks = replace(tiny.boxes_task(), oversample_thr=1.0), replace(tiny.masks_task(), oversample_thr=0.4)
    found = factors([boxes])
    assert list(found.classes["det"]) == ["car"]
    assert found.images[0] == pytest.approx([sqrt(3), 1, 1])
    assert factors([boxes, masks]).images[0] == pytest.approx([sqrt(3), sqrt(1.6), sqrt(1.6), 1])
    assert factors([replace(boxes, oversample_thr=None), masks]).images[0] == pytest.approx([1, sqrt(1.6), sqrt(1.6), 1])


def test_shares_are_over_all_sources_with_their_weights(tiny, tmp_path):
    """A second folder of three times the weight, all road: of what is drawn, 2 in 16 are sky or tree."""
    (tmp_path / "more" / "images").mkdir(parents=True)
    (tmp_path / "more" / "masks").mkdir()
    for stem in "abcd":
        cv2.imwrite(str(tmp_path / "more" / "images" / f"{stem}.png"), np.zeros((48, 64, 3), np.uint8))
        cv2.imwrite(str(tmp_path / "more" / "masks" / f"{stem}.png"), np.zeros((48, 64), np.uint8))
    other = tiny.masks_source(images=str(tmp_path / "more" / "images"), masks=str(tmp_path / "more" / "masks"), name="more", weight=3.0)
    task = replace(tiny.masks_task(), oversample_thr=0.25)
    found = factors([replace(task, sources=(*task.sources, other))])
    assert found.classes["seg"] == dict.fromkeys(("sky", "tree"), (0.0625, 2.0))
    assert [part.tolist() for part in found.images] == [[1, 2, 2, 1], [1, 1, 1, 1]]


def test_an_image_without_a_readable_mask_has_no_class(tiny):
    (tiny.root / "masks" / "b.png").write_bytes(b"junk")
    found = factors([replace(tiny.masks_task(), oversample_thr=0.5)])
    assert found.images[0] == pytest.approx([1, 1, sqrt(1.5), 1])
    assert list(found.classes["seg"]) == ["tree"]


def test_the_sampler_of_a_data_set_takes_them(tiny):
    dataset = MultiTaskDataset([replace(tiny.masks_task(), oversample_thr=1.0)], TrainPipeline(TrainGeometry((32, 32))))
    sampler = dataset.sampler(samples_per_epoch=4000)
    counts = np.bincount([draw.index for draw in sampler])
    np.testing.assert_allclose(counts / counts[0], [1, sqrt(2), sqrt(2), 1], rtol=0.05)


@pytest.mark.parametrize("value", [0.0, -1.0, 1.5])
def test_a_threshold_that_is_no_share_is_told(tmp_path, value):
    root = write_images(tmp_path / "data")
    values = config_values(root, ["seg"])
    values["tasks"]["seg"]["oversample_thr"] = value
    with pytest.raises(UserError, match=f"tasks.seg.oversample_thr={value}: expected a number above 0 and at most 1"):
        config_from_dict(values)
