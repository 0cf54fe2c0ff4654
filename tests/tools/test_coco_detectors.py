"""tools/coco_detectors.py: what published detectors give, in pixels of the image."""

import cv2
import numpy as np
import pytest

from mtzoo.structures import Detections


@pytest.fixture
def tool(load_tool):
    return load_tool("coco_detectors")


def test_suppression_spares_boxes_of_other_classes(tool):
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10]], np.float32)
    kept = tool.suppressed(boxes, np.array([0.5, 0.9, 0.7], np.float32), np.array([0, 0, 1]))
    assert kept.scores.tolist() == pytest.approx([0.9, 0.7])
    assert kept.labels.tolist() == [0, 1]


@pytest.mark.parametrize(("size", "starts"), [(300, [0]), (416, [0]), (417, [0, 1]), (728, [0, 312]), (1080, [0, 221, 443, 664])])
def test_tiles_cover_an_image_and_overlap_by_a_quarter(tool, size, starts):
    assert tool._starts(size, 416) == starts
    assert all(later - before <= 312 for before, later in zip(starts, starts[1:]))


def bright(tile):
    """A detector: the box around all pixels of 255, if there are any."""
    y, x = np.nonzero((tile == 255).all(-1))
    boxes = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]] if len(x) else np.empty((0, 4)), np.float32)
    return Detections(boxes, np.full(len(boxes), 0.9, np.float32), np.zeros(len(boxes), int))


@pytest.mark.parametrize("scale", [None, 0.5, 1.0])
def test_boxes_of_tiles_are_in_pixels_of_the_image_and_none_is_cut_off(tool, scale):
    image = np.zeros((400, 640, 3), np.uint8)
    image[40:80, 140:180] = 255  # the border between the first two tiles of 160 pixels cuts it off
    boxes, _, _ = tool.tiled(bright, 160, scale)(image)
    assert boxes.tolist() == [[140, 40, 180, 80]]


def test_nanodet_boxes_are_the_mean_of_its_distributions_around_a_cell(tool):
    scores, distances = np.zeros((16, 80), np.float32), np.full((16, 4, 3), -50.0, np.float32)
    scores[5, 2], distances[5, :, 1] = 0.75, 50  # a car in row 1, column 1 of 4x4 cells of 8 pixels; one stride to each side
    boxes, found, labels = tool._of_stride(scores, distances.reshape(16, 12), 32)
    assert boxes.tolist() == [[4, 4, 20, 20]]
    assert found.tolist() == [0.75]
    assert labels.tolist() == [2]


def test_fastestdet_finds_the_cars_of_a_frame(tool, shared_data):
    weights = shared_data.parent / "weights" / "fastestdet" / "FastestDet.onnx"
    look = tool.fastestdet(weights, 1)
    _, scores, labels = look(cv2.imread(str(sorted((shared_data / "car_parts" / "valset").rglob("*.jpg"))[0])))
    assert labels[0] == 2
    assert scores[0] > 0.5
