"""tools/detection_peers.py: boxes of networks whose classes have other names."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mtzoo.data.groups import Record
from mtzoo.structures import Boxes, Detections


@pytest.fixture
def tool(load_tool):
    return load_tool("detection_peers")


def test_ours_gives_the_boxes_of_the_classes_that_are_judged_by_falling_score(tool):
    found = {"cars": Detections(np.array([[0, 0, 4, 4], [1, 1, 2, 2]], np.float32), np.array([0.4, 0.3], np.float32), np.array([1, 0])),
             "people": Detections(np.array([[5, 5, 9, 9]], np.float32), np.array([0.9], np.float32), np.array([0]))}
    model = SimpleNamespace(classes={"cars": ("sign", "vehicle"), "people": ("person",)},
                            predict=lambda image: SimpleNamespace(detections=found))
    boxes, scores, labels = tool.ours(model)(np.zeros((9, 9, 3), np.uint8))
    assert boxes.tolist() == [[5, 5, 9, 9], [0, 0, 4, 4]]
    assert scores.tolist() == pytest.approx([0.9, 0.4])
    assert [tool.CLASSES[label] for label in labels] == ["person", "vehicle"]


def test_classes_of_coco_count_as_ours_and_others_are_left_out(tool):
    boxes = np.array([[0, 0, 4, 4], [5, 5, 9, 9], [20, 0, 24, 4], [0, 0, 4, 3]], np.float32)
    bus, truck, dog, bicycle = 5, 7, 16, 1
    found = Detections(boxes, np.array([0.4, 0.5, 0.9, 0.3], np.float32), np.array([bus, bicycle, dog, truck]))
    boxes, scores, labels = tool.renamed(lambda image: found)(np.zeros((9, 9, 3), np.uint8))
    assert boxes.tolist() == [[5, 5, 9, 9], [0, 0, 4, 4]]
    assert [tool.CLASSES[label] for label in labels] == ["cyclist", "vehicle"]


def test_a_row_for_each_network(tool, tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((60, 60, 3), np.uint8))
    truth = Boxes(np.array([[0, 0, 40, 40]], np.float32), np.array([0]), np.array([False]), np.ones(3, bool))
    right = Detections(truth.xyxy, np.array([0.9], np.float32), truth.labels)
    rows = tool.table({"right": lambda image: right}, [Record(tmp_path / "0.png", "frames", boxes={"boxes": truth})]).splitlines()
    assert rows[-1] == "| right | 100.0 | nan | nan | nan | 100.0 | nan | 100.0 |"


@pytest.mark.parametrize("option", ["--resize", "--crop"])
def test_half_of_a_pair_is_a_mistake(tool, option, capsys):
    with pytest.raises(SystemExit, match="2"):
        tool.main(["--fastestdet", "f.onnx", "--images", "i", "--boxes", "b.json", option, "m.onnx"])
    assert "--resize and --crop go together" in capsys.readouterr().err
