from pathlib import Path

import numpy as np
import pytest

from mtzoo.evaluation.details import Details
from mtzoo.evaluation.evaluator import Evaluator
from mtzoo.evaluation.table import format_table, summary_line
from mtzoo.structures import Classification, Prediction, Sample

KINDS, CLASSES = {"time": "classification"}, {"time": ("day", "dusk", "night")}


def image(name, label, *probabilities):
    probabilities = np.array(probabilities, np.float32)
    prediction = Prediction(classifications={"time": Classification(int(probabilities.argmax()), probabilities)})
    return prediction, Sample(np.zeros((4, 4, 3), np.uint8), Path(name), "s", (4, 4), np.eye(2, 3),
                              image_labels={} if label is None else {"time": label})


IMAGES = [image("right", 0, 0.8, 0.1, 0.1), image("again", 0, 0.6, 0.3, 0.1), image("third", 0, 0.5, 0.3, 0.2),
          image("wrong", 2, 0.7, 0.1, 0.2), image("worse", 2, 0.9, 0.09, 0.01), image("unknown", None, 0.1, 0.8, 0.1)]


def test_accuracy_of_all_of_each_class_and_balanced():
    evaluator = Evaluator(KINDS, CLASSES)
    evaluator.update(*zip(*IMAGES))
    metrics = evaluator.compute()
    assert metrics.pop("time/top1/dusk") is not None
    assert metrics == {"time/top1": pytest.approx(60), "time/balanced_accuracy": pytest.approx(50), "time/top1/day": 100.0,
                       "time/top1/night": 0.0}
    assert summary_line(evaluator.compute()) == "time top1 60.00, in percent"
    assert [column.header for column in format_table(evaluator.compute()).columns] == ["task", "class", "top1", "balanced_accuracy"]


def test_two_parts_merged_are_the_whole():
    whole, first, second = ((Evaluator(KINDS, CLASSES), Details(KINDS, CLASSES)) for _ in range(3))
    for parts, images in (whole, IMAGES), (first, IMAGES[:2]), (second, IMAGES[2:]):
        for each in parts:
            each.update(*zip(*images))
    for one, other in zip(first, second):
        one.merge(other)
    np.testing.assert_equal(first[0].compute(), whole[0].compute())
    assert first[1].tasks["time"].values() == whole[1].tasks["time"].values()
    assert first[1].tasks["time"].worst(9) == whole[1].tasks["time"].worst(9)


def test_without_labels_nothing_is_known():
    assert all(np.isnan(value) for value in Evaluator(KINDS, CLASSES).compute().values())


def test_wrong_images_come_first_the_surest_one_before_the_others():
    details = Details(KINDS, CLASSES)
    details.update(*zip(*IMAGES))
    found = details.tasks["time"]
    assert [score.path.name for score in found.worst(9)] == ["worse", "wrong"]
    assert found.worst(1)[0].said == "night taken for day (90 %)"
    assert found.values() == {"classes": ["day", "dusk", "night"], "confusion": [[3, 0, 0], [0, 0, 0], [2, 0, 0]]}
