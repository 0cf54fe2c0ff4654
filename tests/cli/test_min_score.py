import argparse

import pytest

from mtzoo.cli.min_score import parse_min_score
from mtzoo.recipes.predict.min_score import MinScore


@pytest.mark.parametrize(("text", "wanted"), [
    ("0.5", MinScore(0.5)), ("person=0.5", MinScore(0.3, {"person": 0.5})),
    ("0.2,person=0.5, a=b=1", MinScore(0.2, {"person": 0.5, "a=b": 1.0})),
])
def test_a_score_for_all_classes_and_for_some(text, wanted):
    assert parse_min_score(text) == wanted


@pytest.mark.parametrize(("text", "said"), [
    ("2", "'2' is not a score from 0 to 1"), ("nan", "'nan' is not a score"), ("person=", "'' is not a score"),
    ("0.1,0.2", "'0.1,0.2' has two scores for all classes"), ("a=0.1,a=0.2", "'a=0.1,a=0.2' has two scores for the class a"),
])
def test_what_is_no_score_or_there_twice_is_told(text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        parse_min_score(text)
