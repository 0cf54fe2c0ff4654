import numpy as np

from mtzoo.data.check import count_sources
from mtzoo.data.stats import SIZES, object_sizes
from mtzoo.structures import Boxes


def test_objects_by_the_sizes_of_coco():
    sides = np.array([31, 32, 95, 96, 200], np.float32)
    xyxy = np.stack([np.zeros(5), np.zeros(5), sides, sides], axis=1).astype(np.float32)
    boxes = Boxes(xyxy, np.array([0, 0, 1, 1, 1]), np.array([False, False, False, False, True]), np.ones(2, bool))
    counts = object_sizes(boxes, num_classes=2)
    assert dict(zip(SIZES, counts[0])) == {"small": 1, "medium": 1, "large": 0, "ignore": 0}
    assert dict(zip(SIZES, counts[1])) == {"small": 0, "medium": 1, "large": 1, "ignore": 1}


def test_a_class_that_nobody_labelled_is_known_nowhere(tiny):
    stats = count_sources([tiny.boxes_task(classes=("car", "boat"))])
    assert stats.known["det"].tolist() == [3, 0]
    assert stats.objects["det"].sum(axis=1).tolist() == [1, 0]


def test_every_image_is_counted_once(tiny):
    seen = []
    stats = count_sources([tiny.boxes_task(), tiny.masks_task()], lambda done, total: seen.append((done, total)), workers=2)
    assert stats.images == 4
    assert stats.labelled == {"det": 3, "seg": 4}
    assert stats.objects["det"].tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]
    height, width = 48, 64
    assert stats.known["det"].tolist() == [3, 3]
    assert stats.pixels["seg"].tolist() == [2 * 44 * width, 44 * width, 44 * width, 4 * 4 * width]
    assert stats.pixels["seg"].sum() == 4 * height * width
    assert seen[-1] == (4, 4)
