import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.boxes import pairwise_ioa, pairwise_iou
from mtzoo.ops.geometry import CropWindow, DeployGeometry
from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.postprocess.merge import MergedLabelMap, MergeRule, merge, merge_detections
from mtzoo.structures import IGNORE, Detections, Prediction

WINDOW = (100.0, 100.0, 300.0, 200.0)
DEFAULTS = MergeRule(average=False)


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
    left = merged_rows(found((*RESIZE_BOX, 0.9)), found((*CROP_BOX, 0.6)), MergeRule(crop_factor=100, average=False))
    assert left == [pytest.approx((*CROP_BOX, 0.6))]


@pytest.mark.parametrize(("rule", "share"), [(MergeRule(), 0.2), (MergeRule(crop_factor=2), 0.5), (MergeRule(crop_factor=0), 0.0)])
def test_the_box_of_one_thing_is_the_mean_by_squared_score(rule, share):
    (*box, score), = merged_rows(found((*RESIZE_BOX, 0.8)), found((*CROP_BOX, 0.4)), rule)
    assert box == pytest.approx([a + share * (b - a) for a, b in zip(RESIZE_BOX, CROP_BOX)])
    assert score == pytest.approx(0.4 if share == 0.5 else 0.8)


def test_a_lost_box_counts_for_the_one_that_it_overlaps_most():
    near = found((150, 120, 190, 160, 0.8), (160, 120, 200, 160, 0.8))
    rows = merged_rows(near, found((151, 120, 191, 160, 0.8 * 0.999)), MergeRule())
    assert rows == [pytest.approx((150.5, 120, 190.5, 160, 0.8), abs=1e-3), pytest.approx((160, 120, 200, 160, 0.8))]


def test_pieces_and_boxes_within_others_move_nothing():
    whole, piece, inner = (60, 110, 180, 190, 0.7), (100, 110, 180, 190, 0.95), (110, 115, 125, 130, 0.5)
    assert merged_rows(found(whole, inner), found(piece, (105, 112, 140, 150, 0.9)), MergeRule())[1] == pytest.approx(whole)
    assert merged_rows(found((150, 120, 160, 130, 0.5)), found((140, 110, 200, 180, 0.6)), MergeRule()) == [
        pytest.approx((140, 110, 200, 180, 0.6))]


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


@pytest.mark.parametrize("rule", [DEFAULTS, MergeRule()])
def test_a_rough_box_of_what_the_window_shows_gives_way_to_the_whole(rule):
    """The window's lower border at 200 cuts the object. The crop's box ends 20 pixels above it, and has an IoU of 0.3 with the whole,
    0.58 with what the window shows."""
    whole, shown = (150, 110, 250, 300, 0.5), (160, 106, 270, 180, 0.9)
    assert merged_rows(found(whole), found(shown), rule) == [pytest.approx(whole)]
    inside = (150, 110, 250, 199, 0.5)
    assert merged_rows(found(inside), found(shown), DEFAULTS) == [pytest.approx(shown)], "nothing is cut: the better one stays"


def test_another_thing_before_one_that_the_window_cuts_stays():
    whole, other = (150, 110, 250, 300, 0.5), (160, 120, 190, 150, 0.9)
    assert merged_rows(found(whole), found(other)) == [pytest.approx(other), pytest.approx(whole)]


def test_a_piece_nobody_else_sees_stays():
    assert merged_rows(found(), found((100, 110, 180, 190, 0.95))) == [(100, 110, 180, 190, pytest.approx(0.95))]


def test_a_small_weak_box_that_the_crop_does_not_confirm_is_false():
    small, strong, large = (150, 120, 170, 140, 0.08), (200, 120, 220, 140, 0.8), (120, 105, 220, 195, 0.08)
    assert merged_rows(found(small, strong, large), found()) == [pytest.approx(strong), pytest.approx(large)]
    confirmed = found(small), found((152, 120, 180, 141, 0.01))
    assert len(merged_rows(*confirmed, MergeRule(duplicate_iou=0.99, duplicate_iog=0.99, average=False))) == 2


boxes = st.lists(st.tuples(st.integers(0, 380), st.integers(0, 280), st.integers(1, 200), st.integers(1, 200),
                           st.floats(0, 1, width=32), st.integers(0, 1)), max_size=6)


@given(boxes, boxes)
def test_averaging_keeps_scores_and_stays_within_the_boxes_of_one_thing(near, far):
    near, far = (found(*((x, y, x + w, y + h, s, k) for x, y, w, h, s, k in rows)) for rows in (near, far))
    plain, moved = (merge_detections(near, far, WINDOW, rule) for rule in (DEFAULTS, MergeRule()))
    np.testing.assert_array_equal(moved.scores, plain.scores)
    np.testing.assert_array_equal(moved.labels, plain.labels)
    every = np.concatenate([near.boxes, far.boxes])
    for box, before in zip(moved.boxes, plain.boxes):
        alike = every[pairwise_iou(torch.from_numpy(before[None]), torch.from_numpy(every))[0].numpy() >= 0.5 - 1e-6]
        assert (box >= alike.min(axis=0) - 1e-3).all()
        assert (box <= alike.max(axis=0) + 1e-3).all()


@given(boxes, boxes)
def test_what_is_left_comes_from_one_of_both_by_falling_score(near, far):
    near, far = (found(*((x, y, x + w, y + h, s, k) for x, y, w, h, s, k in rows)) for rows in (near, far))
    result = merge_detections(near, far, WINDOW, DEFAULTS)
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


def plainly_merged(resize, crop, rule):
    """The reference, pair by pair with torch's boxes: indices of the rows of both that stay, in order."""
    near, far = torch.from_numpy(resize.boxes), torch.from_numpy(crop.boxes)
    overlap, covered, piece = pairwise_iou(near, far), pairwise_ioa(near, far), pairwise_ioa(far, near).T
    x1, y1, x2, y2 = (edge + inward for edge, inward in zip(WINDOW, (rule.border, rule.border, -rule.border, -rule.border)))
    cut = [bool(a <= x1 or b <= y1 or c >= x2 or d >= y2) for a, b, c, d in crop.boxes]
    shown = torch.cat([near[:, :2].clamp(min=torch.tensor(WINDOW[:2])), near[:, 2:].clamp(max=torch.tensor(WINDOW[2:]))], 1)
    shown[(shown[:, 2:] <= shown[:, :2]).any(1)] = 0
    in_part = pairwise_ioa(near, torch.tensor([WINDOW]))[:, 0] < rule.duplicate_iog
    shown_overlap = pairwise_iou(shown, far)
    goes, crop_goes = [False] * len(near), [False] * len(far)
    for i, (a, b, c, d) in enumerate(resize.boxes):
        touched = False
        for j in range(len(far)):
            if resize.labels[i] != crop.labels[j]:
                continue
            touched |= bool(overlap[i, j] >= 0.1)
            better = rule.crop_factor * crop.scores[j] >= resize.scores[i]
            if in_part[i] and shown_overlap[i, j] >= rule.duplicate_iou:
                crop_goes[j] = True
            elif cut[j]:
                crop_goes[j] |= bool(piece[i, j] >= rule.duplicate_iog)
            elif overlap[i, j] >= rule.duplicate_iou:
                goes[i], crop_goes[j] = goes[i] or better, crop_goes[j] or not better
            elif covered[i, j] >= rule.duplicate_iog:
                goes[i] |= bool(better)
        inside = a >= WINDOW[0] and b >= WINDOW[1] and c <= WINDOW[2] and d <= WINDOW[3]
        small = max(c - a, d - b) < rule.false_side
        goes[i] |= bool(inside and small and not touched and resize.scores[i] < rule.false_score)
    rows = [(-resize.scores[i], 0, i) for i in range(len(near)) if not goes[i]]
    return [(which, i) for _, which, i in sorted(rows + [(-crop.scores[j], 1, j) for j in range(len(far)) if not crop_goes[j]])]


@pytest.mark.parametrize("seed", range(6))
def test_the_boxes_are_those_of_a_plain_comparison_pair_by_pair(seed):
    rng = np.random.default_rng(seed)

    def random_boxes(count):
        corners = rng.uniform(60, 300, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(5, 90, (count, 2))], axis=1).astype(np.float32)
        return boxes, rng.integers(1, 40, count).astype(np.float32) / 40, rng.integers(0, 3, count)

    near = Detections(*random_boxes(50))
    boxes, scores, labels = random_boxes(60)
    boxes[:40] = near.boxes[:40] + rng.normal(0, 4, (40, 4))  # things that both see
    labels[:30] = near.labels[:30]
    far, rule = Detections(boxes, scores, labels), MergeRule(crop_factor=1.2, false_score=0.4, average=False)
    result, wanted = merge_detections(near, far, WINDOW, rule), plainly_merged(near, far, rule)
    assert 40 < len(wanted) < 100
    for k, values in enumerate(result):
        np.testing.assert_array_equal(values, np.array([(near, far)[which][k][i] for which, i in wanted]))


def test_small_maps_are_merged_when_they_are_read():
    rng, hw = np.random.default_rng(1), (300, 400)
    whole = DeployGeometry((160, 224), (160, 224)).view(hw)
    window = DeployGeometry((96, 192), window=CropWindow((200, 150), hw)).view(hw)
    near = SmallLabelMap(rng.integers(0, 4, (80, 112), dtype=np.uint8), 2, whole.affine, hw)
    far = SmallLabelMap(rng.integers(0, 4, (48, 96), dtype=np.uint8), 2, window.affine, hw)
    result = merge(Prediction({}, {"lane": near, "seg": near}), Prediction({}, {"lane": far}), window.visible)
    expected = near.enlarged()
    x1, y1, x2, y2 = (int(v) for v in window.visible)
    expected[y1:y2, x1:x2] = np.maximum(expected, far.enlarged())[y1:y2, x1:x2]
    assert result.label_maps.sources["seg"] is near
    np.testing.assert_array_equal(result.label_maps["lane"], expected)


def test_pixels_that_neither_network_was_shown_can_be_told_apart():
    """The resize network is not shown the upper 60 rows, the crop network is shown rows 40 to 120."""
    near = SmallLabelMap(np.full((24, 40), 2, np.uint8), 10, np.array([[1.0, 0, 0], [0, 1, -60]]), (300, 400))
    far = SmallLabelMap(np.full((8, 10), 1, np.uint8), 10, np.array([[1.0, 0, -100], [0, 1, -40]]), (300, 400))
    merged = MergedLabelMap(near, far, (100.0, 40.0, 200.0, 120.0))
    told = merged.distinct_rows(IGNORE).enlarged()
    assert (told[:40] == IGNORE).all()
    assert (told[40:60, 100:200] == 1).all()
    assert (told[40:60, :100] == IGNORE).all()
    assert (told[60:] == 2).all()
    np.testing.assert_array_equal(merged.distinct_rows().enlarged(), np.where(told == IGNORE, 0, told))
