"""Matches and curves are those of COCO's tools: the area below precision by recall is AP50."""

import numpy as np
import pytest

from mtzoo.evaluation.curves import STEPS, detection_curves
from mtzoo.evaluation.matching import iou, match_image, share_of_first
from tests.evaluation.test_detection import BOX, CLASSES, OTHER, TASK, found, measure, random_pairs, truth


def curves_of(*pairs):
    return detection_curves([match_image(sample.boxes[TASK], prediction.detections[TASK]) for prediction, sample in pairs], CLASSES)


def ap50(curves, name):
    return 100 * curves.precision[name].mean()


@pytest.mark.parametrize("seed", range(4))
def test_the_area_below_precision_is_ap50(seed):
    """With ignore regions, classes that an image does not label, and boxes that overlap."""
    pairs = random_pairs(seed)
    curves, metrics = curves_of(*pairs), measure(*pairs)
    assert set(curves.precision) == set(curves.f1) == {name for name in CLASSES if not np.isnan(metrics[f"AP50/{name}"])}
    for name in curves.precision:
        assert ap50(curves, name) == pytest.approx(metrics[f"AP50/{name}"], abs=1e-9)


@pytest.mark.parametrize("last_bit", [-1e-7, 0, 1e-7])
def test_a_last_bit_of_a_score_ranks_no_box(last_bit):
    """Equal logits on two images, a false alarm and a hit: the image that comes first ranks first, whatever took the sigmoid."""
    alarm, hit = (found([OTHER], [0.75 + last_bit], [0]), truth([], [])), (found([BOX], [0.75], [0]), truth([BOX], [0]))
    assert ap50(curves_of(alarm, hit), "car") == pytest.approx(50.0)
    assert measure(alarm, hit)["AP50/car"] == pytest.approx(50.0)
    assert measure(hit, alarm)["AP50/car"] == pytest.approx(100.0)


def test_equal_boxes_are_found_once_each():
    pair = found([BOX, BOX, BOX], [0.9, 0.8, 0.7], [0, 0, 0]), truth([BOX, BOX], [0, 0])
    (matches,) = [match_image(pair[1].boxes[TASK], pair[0].detections[TASK])[0]]
    assert matches.found.tolist() == [True, True, False]
    assert ap50(curves_of(pair), "car") == pytest.approx(measure(pair)["AP50/car"])


def test_f1_is_counted_at_each_confidence():
    """Two boxes: one found at 0.805, a false alarm at 0.505, the other found at 0.305."""
    curves = curves_of((found([BOX, [500, 300, 520, 330], OTHER], [0.805, 0.505, 0.305], [0, 0, 0]), truth([BOX, OTHER], [0, 0])))
    wanted = np.select([STEPS > 0.805, STEPS > 0.505, STEPS > 0.305], [0, 2 / 3, 2 / 4], 4 / 5)
    np.testing.assert_allclose(curves.f1["car"], wanted)
    assert curves.confidence == 0.0  # the first of equals


def test_without_ground_truth_there_are_no_curves():
    curves = curves_of((found([BOX], [0.9], [0]), truth([], [])))
    assert curves.f1 == {}
    assert curves.confidence == 0.0
    assert ap50(curves_of((found([], [], []), truth([BOX], [0]))), "car") == 0.0


def test_overlaps():
    first, second = np.array([[0, 0, 10, 10]], np.float32), np.array([[5, 0, 15, 10], [20, 20, 30, 30]], np.float32)
    np.testing.assert_allclose(iou(first, second), [[1 / 3, 0]])
    np.testing.assert_allclose(share_of_first(first, second), [[0.5, 0]])
