from pathlib import Path

import numpy as np
import pytest

from mtzoo.ops.label_maps import SmallLabelMap
from mtzoo.structures import IGNORE, Boxes, Classification, Detections, DistinctRows, Prediction, Sample, distinct_rows
from mtzoo.visualization.colors import class_color
from mtzoo.visualization.draw import (
    DENSE_ALPHA,
    SPARSE_ALPHA,
    draw_ground_truth,
    draw_prediction,
    paint_label_maps,
)
from mtzoo.visualization.text import TextStyle, draw_label

CLASSES = {"seg": ("sky", "road"), "lane": ("background", "solid"), "det": ("person",)}


@pytest.fixture
def image():
    return np.full((120, 200, 3), 100, dtype=np.uint8)


def detections(scores):
    boxes = np.array([[20, 40, 60, 100], [100, 40, 150, 100]], dtype=np.float32)[:len(scores)]
    return Detections(boxes, np.array(scores, np.float32), np.zeros(len(scores), np.int64))


def test_label_maps_are_blended_and_ignored_pixels_kept(image):
    labels = np.full((120, 200), IGNORE, dtype=np.uint8)
    labels[:60] = 1
    out = paint_label_maps(image, {"seg": distinct_rows(labels)}, CLASSES)
    expected = np.round((1 - DENSE_ALPHA) * 100 + DENSE_ALPHA * np.array(class_color("road")))
    assert np.abs(out[10, 10] - expected).max() <= 1
    assert (out[60:] == 100).all()
    assert (image == 100).all(), "the input image was changed"


def test_background_is_not_painted_and_lanes_lie_over_the_road(image):
    seg, lane = np.ones((120, 200), np.uint8), np.zeros((120, 200), np.uint8)
    lane[:, 100:104] = 1
    alone = paint_label_maps(image, {"lane": distinct_rows(lane)}, CLASSES)
    assert (alone[:, :100] == 100).all()
    both = paint_label_maps(image, {"lane": distinct_rows(lane), "seg": distinct_rows(seg)}, CLASSES)
    assert np.abs(both[50, 101].astype(int) - class_color("solid")).max() < 40


def test_a_map_of_distinct_rows_is_painted_as_the_enlarged_one():
    """Of 300 rows, so that strips end within a row of cells; rows that the network did not see lie at both ends."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (300, 90, 3), dtype=np.uint8)
    small = {}
    for task, classes in (("seg", 2), ("lane", 2)):
        rows = np.repeat(rng.integers(0, classes, (37, 45), dtype=np.uint8), 2, axis=1)
        rows[-1], rows[:, :20] = 0, 0
        small[task] = DistinctRows(rows, np.concatenate([np.full(8, 36), np.arange(280) // 8, np.full(12, 36)]))

    class Small:
        def __init__(self, rows):
            self.distinct_rows = lambda unseen: rows

    lazy = draw_prediction(image, Prediction(label_maps={task: Small(rows) for task, rows in small.items()}), CLASSES)
    whole = draw_prediction(image, Prediction(label_maps={task: rows.enlarged() for task, rows in small.items()}), CLASSES)
    np.testing.assert_array_equal(lazy, whole)
    lane = small["lane"].enlarged() == 1
    over = np.where(small["seg"].enlarged()[..., None] == 1, class_color("road"), class_color("sky")) * DENSE_ALPHA
    over = np.round(image * (1 - DENSE_ALPHA) + over)
    over[lane] = np.round(over[lane] * (1 - SPARSE_ALPHA) + np.array(class_color("solid")) * SPARSE_ALPHA)
    assert np.abs(whole[:250].astype(int) - over[:250]).max() <= 1, "rows above the legend"


def test_boxes_keep_the_size_of_the_image_and_weak_ones_are_left_out(image):
    out = draw_prediction(image, Prediction({"det": detections([0.9, 0.1])}), CLASSES, min_score=0.3, legend=False)
    assert out.shape == image.shape
    assert (out[100, 30] == class_color("person")).all(), "lower edge of the strong box"
    assert (out[100, 120] == 100).all(), "the weak box"


def test_classes_of_the_image_stand_at_its_upper_right(image):
    classes = {"time": ("day", "night")}
    said = Prediction(classifications={"time": Classification(1, np.array([0.1, 0.9], np.float32))})
    sample = Sample(image, Path("a.png"), "s", (120, 200), np.eye(2, 3), image_labels={"time": 1})
    for out in (draw_prediction(image, said, classes), draw_ground_truth(sample, classes)):
        assert (out[0, -1] == class_color("night")).all()
        assert (out[40:] == 100).all()
        assert (out[:, :60] == 100).all()


def test_a_label_of_a_box_makes_way_for_a_class_of_the_image(image):
    classes = {**CLASSES, "time": ("day", "night")}
    box = Detections(np.array([[140, 20, 199, 100]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))
    found = Prediction({"det": box}, classifications={"time": Classification(1, np.array([0.1, 0.9], np.float32))})
    alone, both = (draw_prediction(image, prediction, classes, legend=False) for prediction in (Prediction({"det": box}), found))
    below = (slice(103, None), slice(140, 199))
    assert (alone[below] == 100).all(), "the label stands above its box"
    assert (both[below] == class_color("person")).all(axis=2).any(), "where the class of the image stands, so it goes below"


def test_a_legend_names_what_is_seen(image):
    seen = draw_prediction(image, Prediction(label_maps={"lane": np.zeros((120, 200), np.uint8)}), CLASSES)
    assert (seen == image).all(), "only background: nothing to name"
    seen = draw_prediction(image, Prediction({"det": detections([0.9])}), CLASSES)
    assert (seen[-3:, :40] != 100).all(axis=-1).mean() > 0.9
    assert (seen[-3:, 120:] == 100).all(), "dark behind the words alone"


def test_a_label_at_the_lower_edge_stands_above_the_legend(image):
    low = Detections(np.array([[20, 112, 60, 119]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))
    seen = draw_prediction(image, Prediction({"det": low}), CLASSES)
    style = TextStyle.for_image((120, 200))
    width, height = style.size("person 90")
    top = 120 - 2 * height
    label = np.zeros((height, width, 3), np.uint8)
    draw_label(label, "person 90", (0, 0), class_color("person"), style)
    assert (seen[top:top + height, 20:20 + width] == label).all()


def test_a_legend_of_many_names_leaves_a_small_picture_free(image):
    names = tuple(f"class_{k}" for k in range(19))
    labels = np.arange(120 * 200, dtype=np.int64).reshape(120, 200) % 19
    painted = paint_label_maps(image, {"seg": distinct_rows(labels.astype(np.uint8))}, {"seg": names})
    seen = draw_prediction(image, Prediction(label_maps={"seg": labels.astype(np.uint8)}), {"seg": names})
    assert (seen[:-18] == painted[:-18]).all(), "0.15 of 120 rows"
    assert (seen[-3:] != painted[-3:]).any()


def test_boxes_over_the_edge_and_empty_predictions_are_drawn(image):
    wild = Detections(np.array([[-50, -50, 500, 500]], np.float32), np.array([1.0], np.float32), np.array([0]))
    assert draw_prediction(image, Prediction({"det": wild}), CLASSES).shape == image.shape
    assert (draw_prediction(image, Prediction(), CLASSES) == image).all()


def test_ground_truth_shows_ignore_regions_in_grey(image):
    boxes = Boxes(detections([1, 1]).boxes, np.zeros(2, np.int64), np.array([False, True]), np.ones(1, bool))
    sample = Sample(image, Path("a.jpg"), "s", (120, 200), np.eye(2, 3), {"det": boxes})
    out = draw_ground_truth(sample, CLASSES)
    assert (out[100, 30] == class_color("person")).all()
    assert (out[100, 120] == 160).all()




def test_what_the_network_was_not_shown_stays_unpainted(image):
    """A map of the lower 60 rows, as after `drop_top`."""
    lower = SmallLabelMap(np.zeros((6, 20), np.uint8), 10, np.array([[1.0, 0, 0], [0, 1, -60]]), (120, 200))
    out = draw_prediction(image, Prediction(label_maps={"seg": lower}), CLASSES, legend=False)
    assert (out[:60] == 100).all()
    assert (out[60:] != 100).any(axis=2).all()
    assert (lower.enlarged()[:60] == 0).all(), "for whoever reads the map it has a label"
