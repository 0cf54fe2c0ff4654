from pathlib import Path

import numpy as np
import pytest

from mtzoo.evaluation.detection import CocoBoxMetric, coco_backends
from mtzoo.structures import Boxes, Detections, Prediction, Sample

CLASSES, TASK = ("car", "sign", "person"), "det"


def truth(xyxy: list, labels: list, ignore: list | None = None, known: tuple = (True, True, True)) -> Sample:
    boxes = Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels, np.int64),
                  np.array(ignore or [False] * len(labels), bool), np.array(known))
    return Sample(np.zeros((1, 1, 3), np.uint8), Path("x.png"), "source", (400, 600), np.eye(2, 3) * 0.5, {TASK: boxes})


def found(xyxy: list, scores: list, labels: list) -> Prediction:
    return Prediction({TASK: Detections(np.array(xyxy, np.float32).reshape(-1, 4), np.array(scores, np.float32),
                                        np.array(labels, np.int64))})


def measure(*pairs: tuple[Prediction, Sample], backend: str | None = None) -> dict[str, float]:
    metric = CocoBoxMetric(TASK, CLASSES, backend)
    for prediction, sample in pairs:
        metric.add(prediction, sample)
    return metric.compute()


BOX, OTHER = [10, 10, 110, 60], [300, 200, 360, 300]


def test_perfect_detections_score_100_and_classes_without_truth_are_left_out():
    values = measure((found([BOX, OTHER], [0.9, 0.8], [0, 1]), truth([BOX, OTHER], [0, 1])))
    assert values["AP"] == values["AP50"] == values["AP/car"] == values["AP50/sign"] == pytest.approx(100.0)
    assert np.isnan(values["AP/person"])
    assert np.isnan(values["AP50/person"])


def test_a_box_of_iou_0_72_counts_at_five_of_ten_thresholds():
    shifted = [10, 10, 82, 60]  # 72 of 100 columns: IoU 0.72, thresholds 0.50 ... 0.70
    values = measure((found([shifted], [0.9], [0]), truth([BOX], [0])))
    assert values["AP50"] == pytest.approx(100.0)
    assert values["AP"] == pytest.approx(50.0)


def test_a_false_alarm_above_a_hit_halves_precision():
    values = measure((found([OTHER, BOX], [0.9, 0.8], [0, 0]), truth([BOX], [0])))
    assert values["AP50/car"] == pytest.approx(50.0)


def test_an_empty_image_makes_its_detections_false_alarms():
    empty = (found([OTHER], [0.9], [0]), truth([], []))
    values = measure((found([BOX], [0.8], [0]), truth([BOX], [0])), empty)
    assert values["AP50/car"] == pytest.approx(50.0)


def test_nothing_found_is_zero_and_no_truth_is_nan():
    nothing = found([], [], [])
    assert measure((nothing, truth([BOX], [0])))["AP"] == 0.0
    assert np.isnan(measure((nothing, truth([], [])))["AP"])
    assert np.isnan(measure()["AP50"])


def test_a_detection_inside_an_ignore_region_is_no_false_alarm():
    sample = truth([BOX, [250, 150, 450, 350]], [0, 0], [False, True])
    assert measure((found([OTHER, BOX], [0.9, 0.8], [0, 0]), sample))["AP50/car"] == pytest.approx(100.0)


def test_a_class_unknown_to_the_source_is_not_evaluated_on_its_image():
    partial = (found([OTHER], [0.9], [1]), truth([BOX], [0], known=(True, False, True)))
    complete = (found([OTHER], [0.5], [1]), truth([OTHER], [1]))
    values = measure(partial, complete)
    assert values["AP50/sign"] == pytest.approx(100.0)
    assert values["AP50/car"] == 0.0


def test_an_unlabelled_image_is_skipped():
    sample = truth([], [])
    sample.boxes.clear()
    values = measure((found([BOX], [0.9], [0]), sample), (found([BOX], [0.5], [0]), truth([BOX], [0])))
    assert values["AP"] == pytest.approx(100.0)


def random_pairs(seed: int) -> list[tuple[Prediction, Sample]]:
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(15):
        count = int(rng.integers(0, 7))
        corner = rng.random((count + 3, 2)) * (480, 300)
        boxes = np.concatenate([corner, corner + rng.random((count + 3, 2)) * 100 + 4], axis=1)
        labels = rng.integers(0, 3, count + 3)
        sample = truth(boxes[:count], labels[:count], (rng.random(count) < 0.2).tolist(), (True, rng.random() < 0.7, True))
        scores = np.sort(rng.random(count + 3))[::-1]
        moved = boxes + rng.normal(0, 5, boxes.shape)
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
        pairs.append((found(moved, scores, labels), sample))
    return pairs


@pytest.mark.skipif(len(coco_backends()) < 2, reason="needs faster-coco-eval and pycocotools")
def test_both_tools_give_the_same_figures():
    pairs = random_pairs(0)
    one, other = (measure(*pairs, backend=backend) for backend in coco_backends())
    assert one == pytest.approx(other, abs=1e-9)
    assert 5 < one["AP"] < 95


def test_sizes_are_coco_s_areas_in_original_pixels():
    """One small, one medium and one large car; the small one is missed, the large one found half."""
    small, medium, large = [0, 0, 20, 20], [100, 100, 150, 150], [200, 200, 400, 350]
    half = [200, 200, 400, 290]  # IoU 0.6
    metric = CocoBoxMetric(TASK, CLASSES)
    metric.add(found([medium, half], [0.9, 0.8], [0, 0]), truth([small, medium, large], [0, 0, 0]))
    sizes = metric.by_size()
    assert sizes["AP50"]["small"] == 0
    assert sizes["AP50"]["medium"] == sizes["AP"]["medium"] == pytest.approx(100)
    assert sizes["AP50"]["large"] == pytest.approx(100)
    assert sizes["AP"]["large"] == pytest.approx(30)  # 0.50, 0.55 and 0.60 of ten thresholds
    assert sizes["AP50"]["all"] == pytest.approx(metric.compute()["AP50"])


def test_sizes_without_ground_truth_are_nan():
    metric = CocoBoxMetric(TASK, CLASSES)
    metric.add(found([BOX], [0.9], [0]), truth([BOX], [0]))
    assert np.isnan(metric.by_size()["AP"]["small"])
    nothing = CocoBoxMetric(TASK, CLASSES)
    nothing.add(found([], [], []), truth([], []))
    assert np.isnan(list(nothing.by_size()["AP"].values())).all()
