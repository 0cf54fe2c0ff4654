from pathlib import Path

import numpy as np
import pytest

from mtzoo.evaluation.evaluator import Evaluator
from mtzoo.structures import Boxes, Detections, Prediction, Sample


def example(source: str, hit: bool, label: int | None) -> tuple[Prediction, Sample]:
    """An image with one car, found or not, and, unless None, a mask that is all `label`, predicted as 0."""
    box = np.array([[10, 10, 60, 40]], np.float32)
    boxes = Boxes(box, np.zeros(1, np.int64), np.zeros(1, bool), np.ones(1, bool))
    masks = {} if label is None else {"seg": np.full((50, 80), label, np.uint8)}
    sample = Sample(np.zeros((1, 1, 3), np.uint8), Path("x.png"), source, (50, 80), np.eye(2, 3), {"det": boxes}, masks)
    detections = Detections(box if hit else box + 100, np.ones(1, np.float32), np.zeros(1, np.int64))
    return Prediction({"det": detections}, {"seg": np.zeros((50, 80), np.uint8)}), sample


def evaluate(*examples: tuple[Prediction, Sample]) -> dict[str, float]:
    evaluator = Evaluator({"det": "detection", "seg": "segmentation"}, {"det": ["car"], "seg": ["road", "sky"]})
    evaluator.update([p for p, _ in examples], [s for _, s in examples])
    return evaluator.compute()


def test_keys_of_one_source():
    values = evaluate(example("day", True, 0))
    assert set(values) == {"det/AP", "det/AP50", "det/AP/car", "det/AP50/car", "seg/mIoU", "seg/pixel_accuracy",
                           "seg/IoU/road", "seg/IoU/sky"}
    assert values["det/AP"] == values["seg/mIoU"] == pytest.approx(100.0)


def test_several_sources_are_pooled_and_told_apart():
    values = evaluate(example("day", True, 0), example("night", False, 1))
    assert values["det/day/AP50"] == pytest.approx(100.0)
    assert values["det/night/AP50"] == 0.0
    assert 0 < values["det/AP50"] < 100
    assert values["seg/IoU/road"] == pytest.approx(50.0)
    assert values["seg/night/mIoU"] == 0.0


def test_a_source_counts_for_the_tasks_it_labels():
    values = evaluate(example("day", True, 0), example("night", False, None))
    assert "det/night/AP" in values
    assert not [key for key in values if key.startswith(("seg/night", "seg/day"))]


def test_unequal_lengths_are_an_error():
    prediction, _ = example("day", True, 0)
    with pytest.raises(ValueError, match="zip"):
        Evaluator({}, {}).update([prediction], [])
