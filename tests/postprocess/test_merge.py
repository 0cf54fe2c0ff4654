import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.postprocess import MergeRule, merge
from mtzoo.postprocess.merge import merge_detections
from mtzoo.structures import Detections, Prediction

WINDOW = (100.0, 100.0, 300.0, 200.0)
DEFAULTS = MergeRule()


def found(*rows):
    """Rows of (x1, y1, x2, y2, score[, label])."""
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([row[4] for row in rows], np.float32),
                      np.array([row[5] if len(row) > 5 else 0 for row in rows], np.int64))


def merged_rows(resize, crop, rule=DEFAULTS):
    result = merge_detections(resize, crop, WINDOW, rule)
    return [(*map(float, box), round(float(score), 3)) for box, score in zip(result.boxes, result.scores)]


RESIZE_BOX, CROP_BOX = (150, 120, 190, 150), (152, 121, 192, 151)


@pytest.mark.parametrize(("near", "far", "left"), [(0.6, 0.9, (*CROP_BOX, 0.9)), (0.9, 0.6, (*RESIZE_BOX, 0.9)),
                                                   (0.7, 0.7, (*CROP_BOX, 0.7))])
def test_of_two_boxes_of_one_thing_the_better_scored_stays(near, far, left):
    assert merged_rows(found((*RESIZE_BOX, near)), found((*CROP_BOX, far))) == [pytest.approx(left)]


def test_the_crop_can_be_given_the_right_of_way():
    left = merged_rows(found((*RESIZE_BOX, 0.9)), found((*CROP_BOX, 0.6)), MergeRule(crop_factor=100))
    assert left == [pytest.approx((*CROP_BOX, 0.6))]


def test_a_resize_box_within_a_crop_box_is_a_duplicate_whatever_its_iou():
    large = (140, 110, 200, 180)
    assert merged_rows(found((150, 120, 160, 130, 0.5)), found((*large, 0.6))) == [pytest.approx((*large, 0.6))]
    assert len(merged_rows(found((150, 120, 160, 130, 0.7)), found((*large, 0.6)))) == 2  # a better one is a thing before another


def test_other_classes_do_not_meet():
    assert len(merged_rows(found((150, 120, 190, 150, 0.9, 0)), found((150, 120, 190, 150, 0.6, 1)))) == 2


def test_outside_of_the_window_nothing_is_dropped():
    near = found((10, 10, 90, 90, 0.9), (310, 10, 390, 90, 0.1))
    assert len(merged_rows(near, found((150, 120, 190, 150, 0.8)))) == 3


def test_a_piece_cut_by_the_border_gives_way_to_the_whole():
    whole, piece = (60, 110, 180, 190, 0.7), (100, 110, 180, 190, 0.95)
    assert merged_rows(found(whole), found(piece)) == [pytest.approx(whole)]


def test_a_piece_nobody_else_sees_stays():
    assert merged_rows(found(), found((100, 110, 180, 190, 0.95))) == [(100, 110, 180, 190, pytest.approx(0.95))]


def test_a_small_weak_box_that_the_crop_does_not_confirm_is_false():
    small, strong, large = (150, 120, 170, 140, 0.08), (200, 120, 220, 140, 0.8), (120, 105, 220, 195, 0.08)
    assert merged_rows(found(small, strong, large), found()) == [pytest.approx(strong), pytest.approx(large)]
    confirmed = found(small), found((152, 120, 180, 141, 0.01))
    assert len(merged_rows(*confirmed, MergeRule(duplicate_iou=0.99, duplicate_iog=0.99))) == 2


boxes = st.lists(st.tuples(st.integers(0, 380), st.integers(0, 280), st.integers(1, 200), st.integers(1, 200),
                           st.floats(0, 1, width=32), st.integers(0, 1)), max_size=6)


@given(boxes, boxes)
def test_what_is_left_comes_from_one_of_both_by_falling_score(near, far):
    near, far = (found(*((x, y, x + w, y + h, s, k) for x, y, w, h, s, k in rows)) for rows in (near, far))
    result = merge_detections(near, far, WINDOW, MergeRule())
    given_rows = [tuple(row) for part in (near, far) for row in np.column_stack([part.boxes, part.scores, part.labels]).tolist()]
    rows = [tuple(row) for row in np.column_stack([result.boxes, result.scores, result.labels]).tolist()]
    assert all(rows.count(row) <= given_rows.count(row) for row in rows)
    assert (np.diff(result.scores) <= 0).all()
    alone = merge_detections(near, found(), WINDOW, MergeRule(false_score=0.0))
    assert len(alone.boxes) == len(near.boxes)


def test_lanes_take_the_maximum_in_the_window_and_resize_outside():
    rng = np.random.default_rng(0)
    near, far = rng.integers(0, 4, (2, 300, 400), dtype=np.uint8)
    other = rng.integers(0, 12, (300, 400), dtype=np.uint8)
    result = merge(Prediction({}, {"lane": near, "seg": other}), Prediction({}, {"lane": far}), WINDOW)
    np.testing.assert_array_equal(result.label_maps["seg"], other)
    lanes = result.label_maps["lane"]
    np.testing.assert_array_equal(lanes[100:200, 100:300], np.maximum(near, far)[100:200, 100:300])
    outside = np.ones((300, 400), bool)
    outside[100:200, 100:300] = False
    np.testing.assert_array_equal(lanes[outside], near[outside])


def test_a_task_of_one_network_is_taken_as_it_is():
    only = found((150, 120, 170, 140, 0.01))
    result = merge(Prediction({"a": only}), Prediction({"b": only}), WINDOW)
    assert result.detections == {"a": only, "b": only}


@pytest.mark.parametrize("arguments", [{"duplicate_iou": 0.0}, {"duplicate_iog": 1.1}, {"false_score": 2.0}, {"border": -1.0}])
def test_rules_that_make_no_sense(arguments):
    with pytest.raises(UserError, match=next(iter(arguments))):
        MergeRule(**arguments)
