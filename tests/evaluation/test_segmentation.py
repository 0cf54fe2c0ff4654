from pathlib import Path

import numpy as np
import pytest

from mtzoo.evaluation.segmentation import CellCounts, MeanIoU, confusion_matrix
from mtzoo.ops.label_maps import label_map_cells, label_map_to_original
from mtzoo.structures import IGNORE, Prediction, Sample

TASK = "seg"


def sample_of(mask: np.ndarray) -> Sample:
    return Sample(np.zeros((1, 1, 3), np.uint8), Path("x.png"), "source", mask.shape, np.eye(2, 3), masks={TASK: mask})


def measure(pairs: list, classes: int) -> dict[str, float]:
    metric = MeanIoU(TASK, [f"c{k}" for k in range(classes)])
    for truth, predicted in pairs:
        metric.add(Prediction(label_maps={TASK: predicted}), sample_of(truth))
    return metric.compute()


def test_by_hand():
    truth = np.array([[0, 0, 1, IGNORE]], np.uint8)
    predicted = np.array([[0, 1, 1, 1]], np.uint8)
    assert confusion_matrix(truth, predicted, 2).tolist() == [[1, 1], [0, 1]]
    values = measure([(truth, predicted)], 2)
    assert values == pytest.approx({"mIoU": 50.0, "pixel_accuracy": 200 / 3, "IoU/c0": 50.0, "IoU/c1": 50.0})


def test_equals_brute_force_over_all_images():
    rng = np.random.default_rng(1)
    pairs = []
    for shape in ((20, 30), (17, 5), (8, 8)):
        truth = rng.integers(0, 5, shape).astype(np.uint8)
        truth[rng.random(shape) < 0.1] = IGNORE
        predicted = np.where(rng.random(shape) < 0.6, np.minimum(truth, 4), rng.integers(0, 5, shape)).astype(np.uint8)
        pairs.append((truth, predicted))
    values = measure(pairs, 5)
    truth, predicted = (np.concatenate([p[i].ravel() for p in pairs]) for i in (0, 1))
    valid = truth != IGNORE
    for k in range(5):
        a, b = (truth == k)[valid], (predicted == k)[valid]
        assert values[f"IoU/c{k}"] == pytest.approx(100 * (a & b).sum() / (a | b).sum())
    assert values["mIoU"] == pytest.approx(np.mean([values[f"IoU/c{k}"] for k in range(5)]))


def test_a_class_found_nowhere_leaves_the_mean_and_one_only_predicted_is_zero():
    truth, predicted = np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 1]], np.uint8)
    values = measure([(truth, predicted)], 3)
    assert values["IoU/c1"] == 0.0
    assert np.isnan(values["IoU/c2"])
    assert values["mIoU"] == pytest.approx(75 / 2)


def test_no_image_is_nan():
    assert np.isnan(measure([], 2)["mIoU"])


def test_a_mask_that_is_not_in_original_pixels_is_an_error():
    metric, sample = MeanIoU(TASK, ["a"]), sample_of(np.zeros((4, 4), np.uint8))
    sample.original_hw = (8, 8)
    with pytest.raises(ValueError, match=r"x\.png"):
        metric.add(Prediction(label_maps={TASK: np.zeros((8, 8), np.uint8)}), sample)


@pytest.mark.parametrize(("truth", "predicted"), [(2, 0), (0, 2)])
def test_labels_outside_of_the_classes_are_an_error(truth, predicted):
    with pytest.raises(ValueError, match="outside"):
        confusion_matrix(np.full((2, 2), truth, np.uint8), np.full((2, 2), predicted, np.uint8), 2)


@pytest.mark.parametrize("shift", [0.0, 7.5])
def test_counts_by_cells_are_counts_by_pixels(shift):
    """Through the very way a label map takes to original pixels, dropped rows too."""
    rng = np.random.default_rng(0)
    hw, map_hw, stride = (53, 91), (24, 40), 2
    to_input = np.array([[0.83, 0, 0.0], [0, 0.83, -shift]])
    mask = rng.integers(0, 5, hw, dtype=np.uint8)
    mask[rng.random(hw) < 0.2] = 255
    cells = label_map_cells(map_hw, stride, to_input, hw)
    assert cells.min() == (-1 if shift else 0)
    counts = CellCounts(mask, cells, map_hw[0] * map_hw[1], 5)
    for seed in range(3):
        labels = np.random.default_rng(seed).integers(0, 5, map_hw, dtype=np.uint8)
        wanted = confusion_matrix(mask, label_map_to_original(labels, stride, to_input, hw), 5)
        assert np.array_equal(counts.confusion(labels), wanted)
    mask[0, 0] = 5
    with pytest.raises(ValueError, match="outside of 0..4"):
        CellCounts(mask, cells, map_hw[0] * map_hw[1], 5)
