"""tools/pseudo_labels.py: what a detector of COCO's classes has found -> labels of vehicles, persons and cyclists."""

import json
from argparse import Namespace

import cv2
import numpy as np
import pytest

from mtzoo.structures import Detections

PERSON, CAR, MOTORCYCLE, TRUCK, DOG = 0, 2, 3, 7, 16
RIDER, CYCLE = [40, 20, 60, 60], [35, 40, 65, 80]


@pytest.fixture
def tool(load_tool):
    return load_tool("pseudo_labels")


def found(*rows):
    """(class, score, xyxy) -> detections."""
    labels, scores, boxes = zip(*rows)
    return Detections(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels))


def test_scores_decide_between_a_label_an_ignore_region_and_nothing(tool):
    boxes = found((CAR, 0.9, [0, 0, 10, 10]), (TRUCK, 0.5, [20, 0, 40, 10]), (PERSON, 0.46, [50, 0, 54, 10]),
                  (PERSON, 0.3, [60, 0, 64, 10]), (CAR, 0.1, [70, 0, 90, 10]), (DOG, 0.9, [80, 0, 90, 10]))
    assert [tuple(label) for label in tool.labels_of(boxes, (100, 100))] == [
        ("vehicle", (0, 0, 10, 10)), ("vehicle", (20, 0, 20, 10)), ("person", (50, 0, 4, 10)), ("ignore", (60, 0, 4, 10))]


def test_a_motorcycle_and_its_rider_are_one_cyclist(tool):
    boxes = found((PERSON, 0.6, RIDER), (PERSON, 0.5, [80, 20, 95, 60]), (MOTORCYCLE, 0.4, CYCLE))
    assert [tuple(label) for label in tool.labels_of(boxes, (100, 100))] == [
        ("cyclist", (35, 20, 30, 60)), ("person", (80, 20, 15, 40))]


@pytest.mark.parametrize(("rider", "score"), [([70, 20, 90, 60], 0.6), ([40, 0, 60, 38], 0.6), (RIDER, 0.25)],
                         ids=["beside it", "behind it", "unsure"])
def test_a_motorcycle_without_a_sure_rider_is_ignored(tool, rider, score):
    labels = list(tool.labels_of(found((PERSON, score, rider), (MOTORCYCLE, 0.4, CYCLE)), (100, 100)))
    assert labels[0].name == "ignore"
    assert "cyclist" not in {label.name for label in labels}


def test_boxes_end_at_the_border_of_the_image(tool):
    (label,) = tool.labels_of(found((CAR, 0.9, [-5, 90, 30, 130])), (100, 200))
    assert label.xywh == (0, 90, 30, 10)


@pytest.fixture
def signs(tmp_path):
    (tmp_path / "images" / "a").mkdir(parents=True)
    for name in ("a/0.png", "1.png"):
        cv2.imwrite(str(tmp_path / "images" / name), np.zeros((100, 100, 3), np.uint8))
    content = {"images": [{"id": 7, "file_name": "a/0.png", "height": 100, "width": 100}], "categories": [{"id": 3, "name": "stop"}],
               "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0}]}
    (tmp_path / "signs.json").write_text(json.dumps(content))
    return tmp_path


def test_labels_that_were_there_are_kept(tool, signs):
    args = Namespace(images=signs / "images", boxes=signs / "signs.json", rename=[("stop", "sign")], out=signs / "out")
    said = tool.write_labelled(args, lambda image: found((CAR, 0.9, [0, 0, 10, 10])))
    assert said.endswith("2 images; 2 vehicle, 0 person, 0 cyclist, 0 ignore, 1 sign")
    written = json.loads((signs / "out" / "boxes.json").read_text())
    names = {category["id"]: category["name"] for category in written["categories"]}
    files = {image["id"]: image["file_name"] for image in written["images"]}
    assert sorted((files[a["image_id"]], names[a["category_id"]], a["bbox"]) for a in written["annotations"]) == [
        ("1.png", "vehicle", [0, 0, 10, 10]), ("a/0.png", "sign", [1, 2, 3, 4]), ("a/0.png", "vehicle", [0, 0, 10, 10])]
    assert all((signs / "out" / "images" / name).is_file() for name in files.values())


def test_what_a_user_gets_wrong_is_one_line(tool, signs, capsys, monkeypatch):
    monkeypatch.setattr(tool, "nanodet", lambda path, threads, scale: None)
    given = ["--nanodet", "n.onnx", "--images", str(signs / "images"), "--boxes", str(signs / "signs.json")]
    for arguments, line in (([*given, "--out", str(signs)], "exists already; name a new folder"),
                            ([*given, "--out", str(signs / "new"), "--rename", "stpo=sign"], "has no such category, but stop"),
                            ([*given[:2], "--images", str(signs / "none"), "--out", str(signs / "new")], "holds no image")):
        assert tool.main(arguments) == 2
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1
    assert not (signs / "new").exists()
