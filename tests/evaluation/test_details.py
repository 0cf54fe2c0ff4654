"""What went wrong, by task: pooled confusion, and the worst images first."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mtzoo.evaluation.details import Details
from mtzoo.structures import IGNORE
from tests.evaluation.test_evaluator import example


def image(name, hit, label):
    prediction, sample = example("day", hit, label)
    return prediction, replace(sample, path=Path(f"{name}.png"))


def details_of(*pairs):
    details = Details({"det": "detection", "seg": "segmentation"}, {"det": ["car"], "seg": ["road", "sky"]})
    details.update([p for p, _ in pairs], [s for _, s in pairs])
    return details


def test_the_worst_images_come_first_with_what_is_wrong():
    half = image("half", True, 0)
    half[1].masks["seg"][:, 40:] = 1
    details = details_of(image("good", True, 0), half, image("wrong", False, 1), image("unlabelled", False, IGNORE))
    assert details.tasks["seg"].confusion().tolist() == [[6000, 0], [6000, 0]]
    worst = details.tasks["seg"].worst(5)
    assert [(score.path.stem, score.score, score.errors) for score in worst] == [("wrong", 0.0, 4000), ("half", 0.25, 2000)]
    assert worst[1].said == "mean IoU 25.0 %"
    boxes = details.tasks["det"].worst(1)
    assert [(score.path.stem, score.errors, score.said) for score in boxes] == [
        ("wrong", 2, "F1 0.00: 1 of 1 missed, 1 false alarm")]
    assert len(details.tasks["det"].worst(9)) == 2


def test_of_equal_scores_the_image_with_more_errors_is_worse():
    prediction, sample = image("more", False, None)
    boxes = sample.boxes["det"]
    sample.boxes["det"] = replace(boxes, xyxy=np.repeat(boxes.xyxy, 3, axis=0), labels=np.zeros(3, int), ignore=np.zeros(3, bool))
    details = details_of(image("one", False, None), (prediction, sample))
    assert [score.path.stem for score in details.tasks["det"].worst(2)] == ["more", "one"]


def test_values_are_plain_and_an_image_of_one_task_leaves_the_other_alone():
    values = {task: found.values() for task, found in details_of(image("a", True, None)).tasks.items()}
    assert values["seg"] == {"classes": ["road", "sky"], "confusion": [[0, 0], [0, 0]]}
    assert values["det"]["best_confidence"] == 0.0
    assert len(values["det"]["f1_by_confidence"]["car"]) == len(values["det"]["steps"]) == 101
