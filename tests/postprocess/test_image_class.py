import numpy as np
import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.postprocess.decoders import ClassDecoder
from mtzoo.postprocess.image_class import classify
from mtzoo.postprocess.merge import merge
from mtzoo.postprocess.prediction import to_prediction
from mtzoo.structures import Classification, Prediction


def test_the_largest_logit_wins_the_lowest_class_among_equals():
    found = classify(np.array([1.0, 3.0, 3.0], np.float32), ClassDecoder())
    assert found.label == 1
    np.testing.assert_allclose(found.probabilities, np.exp([-2, 0, 0]) / np.exp([-2, 0, 0]).sum(), rtol=1e-6)
    assert found.score == found.probabilities[1]
    assert classify(np.array([1000.0, -1000.0], np.float32), ClassDecoder()).score == 1


def test_a_temperature_changes_how_sure_it_is_and_not_the_class():
    logits = np.array([0.0, 4.0], np.float32)
    cool, hot = (classify(logits, ClassDecoder(temperature=t)) for t in (1.0, 4.0))
    assert cool.label == hot.label == 1
    assert hot.score == pytest.approx(1 / (1 + np.exp(-1)))
    assert hot.score < cool.score
    with pytest.raises(UserError, match="temperature=0"):
        ClassDecoder(temperature=0)


def test_each_image_of_a_batch_has_its_own():
    logits = torch.tensor([[1.0, 2.0], [5.0, 0.0]]).view(2, 2, 1, 1)
    first, second = to_prediction({"cls": {"logits": logits}}, [np.eye(2, 3)] * 2, [(8, 8)] * 2, {"cls": ClassDecoder()})
    assert [p.classifications["cls"].label for p in (first, second)] == [1, 0]


def test_of_a_pair_the_network_that_sees_the_whole_image_is_believed():
    def said(**labels):
        return Prediction(classifications={task: Classification(label, np.ones(2, np.float32)) for task, label in labels.items()})

    merged = merge(said(time=1), said(time=0, weather=1), (0, 0, 8, 8))
    assert {task: found.label for task, found in merged.classifications.items()} == {"time": 1, "weather": 1}
