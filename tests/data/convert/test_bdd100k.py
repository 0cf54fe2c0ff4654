import json
from pathlib import Path

import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, Converted, converted, write_image, write_json, write_mask
from tests.data.convert.layouts import bdd_lane, poly2d, write_bdd100k

BACKGROUND, SOLID, DASHED, CURB = range(4)


def frame_labels(root) -> list[dict]:
    return json.loads((root / "labels" / "bdd100k_labels_images_train.json").read_text())[0]["labels"]


def test_boxes_lanes_and_areas(tmp_path):
    write_bdd100k(tmp_path / "src")
    result = converted("bdd100k", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("train.jpg", "vehicle", [4, 20, 20, 14], 0),
                              ("train.jpg", "cyclist", [38, 10, 14, 26], 0),  # the rider with the bicycle
                              ("train.jpg", "bicycle", [38, 20, 14, 16], 0)]
    assert "traffic_light" in result.categories(), "labelled, though none occurs"
    lane = result.mask("lane", "train")
    assert (lane[30, 10], lane[30, 60], lane[40, 33], lane[10, 10]) == (DASHED, CURB, 255, BACKGROUND)
    drivable = result.mask("drivable", "train")
    assert (drivable[40, 30], drivable[10, 30]) == (0, 2)


def test_own_classes_join_style_and_type(tmp_path):
    write_bdd100k(tmp_path / "src")
    result = converted("bdd100k", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    names = json.loads((tmp_path / "out" / "convert.json").read_text())["mask_classes"]["lane"]
    lane = result.mask("lane", "train")
    assert [names[lane[y, x]] for y, x in ((30, 10), (30, 60), (40, 33))] == [
        "dashed single white", "solid road curb", "solid crosswalk"]
    assert [box[1] for box in result.boxes()] == ["car", "rider", "bicycle"]
    assert result.boxes()[1][2] == [40, 10, 8, 20], "the rider alone"


def test_the_lists_of_2020_add_up(tmp_path):
    src = tmp_path / "src" / "bdd100k"
    for split in ("train", "val"):
        write_image(src / "images" / "100k" / split / "a.jpg")
        write_image(src / "images" / "10k" / split / "a.jpg")
        write_mask(src / "labels" / "sem_seg" / "masks" / split / "a.png", np.full(HW, 13, np.uint8))
        write_json(src / "labels" / "det_20" / f"det_{split}.json",
                   {"frames": [{"name": "a.jpg", "labels": [{"category": "traffic sign", "box2d": dict(x1=1, y1=2, x2=9, y2=8)}]}]})
        write_json(src / "labels" / "lane" / "polygons" / f"lane_{split}.json",
                   [{"name": "a.jpg", "labels": [{"category": "single white", "attributes": {"laneStyle": "solid"},
                                                  "poly2d": poly2d([[10, 40], [10, 30], [10, 20], [10, 10]], "LCCC")}]}])
        write_json(src / "labels" / "drivable" / "polygons" / f"drivable_{split}.json", [{"name": "a.jpg", "labels": None}])
    result = converted("bdd100k", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 2, "val": 2}
    assert result.boxes() == [("a.jpg", "sign", [1, 2, 8, 6], 0)]
    assert result.mask("lane", "a")[25, 10] == SOLID
    assert (result.mask("drivable", "a") == 2).all()
    assert (result.mask("seg", "10k/a") == 8).all(), "train id 13, car -> vehicle"
    assert "seg_default" in result.summary.tasks
    assert [image["file_name"] for image in result.coco()["images"]] == ["a.jpg"], "nobody looked for boxes in the 10k set"
    write_mask(src / "labels" / "sem_seg" / "masks" / "val" / "a.png", np.full(HW, 19, np.uint8))
    with pytest.raises(UserError, match=r"val/a.png: mask value 19 is not one of this format's 0..18"):
        converted("bdd100k", tmp_path / "src", tmp_path / "out2")


def test_one_json_for_each_image(tmp_path):
    objects = [{"category": "car", "box2d": dict(x1=1, y1=2, x2=9, y2=8)},
               {"category": "lane/single yellow", "attributes": {"style": "dashed"}, "poly2d": [[10, 40, "L"], [10, 10, "L"]]},
               {"category": "area/alternative", "poly2d": [[20, 20, "L"], [60, 20, "L"], [60, 46, "L"]]}]
    for split in ("train", "val"):
        write_image(tmp_path / "src" / "images" / "100k" / split / "a.jpg")
        write_json(tmp_path / "src" / "labels" / "100k" / split / "a.json", {"name": "a", "frames": [{"objects": objects}]})
    result = converted("bdd100k", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("a.jpg", "vehicle", [1, 2, 8, 6], 0)]
    assert result.mask("lane", "a")[25, 10] == DASHED
    assert result.mask("drivable", "a")[24, 55] == 1


@pytest.mark.parametrize(("change", "message"), [
    ({"category": "boat"}, r"frame 0 labels\[0\]: category 'boat' is not one of BDD100K's"),
    ({"box2d": {"x1": 4}}, r"labels\[0\]: 'y1' is None; expected a number"),
    ({"category": 3}, r"labels\[0\]: 'category' is 3; expected a text"),
    ({"box2d": None, "poly2d": [[1]]}, r"labels\[0\]: \[1\] is not a point \[x, y\]"),
])
def test_a_bad_label_is_named(change, message, tmp_path):
    write_bdd100k(tmp_path / "src")
    label = frame_labels(tmp_path / "src")[0] | change
    write_json(tmp_path / "src" / "labels" / "bdd100k_labels_images_train.json", [{"name": "train.jpg", "labels": [label]}])
    with pytest.raises(UserError, match=message):
        converted("bdd100k", tmp_path / "src", tmp_path / "out")


def test_an_image_outside_is_refused(tmp_path):
    write_bdd100k(tmp_path / "src")
    write_json(tmp_path / "src" / "labels" / "bdd100k_labels_images_train.json", [{"name": "../val/val.jpg", "labels": []}])
    with pytest.raises(UserError, match=r"frame 0: path '../val/val.jpg' leaves its folder"):
        converted("bdd100k", tmp_path / "src", tmp_path / "out")


def converted_with(tmp_path: Path, *labels: dict) -> Converted:
    write_bdd100k(tmp_path / "src")
    for split in ("train", "val"):
        write_json(tmp_path / "src" / "labels" / f"bdd100k_labels_images_{split}.json", [{"name": f"{split}.jpg", "labels": labels}])
    return converted("bdd100k", tmp_path / "src", tmp_path / "out")


def test_lanes_and_areas_of_unknown_kind_are_ignored_where_they_lie(tmp_path):
    area = {"category": "drivable area", "attributes": {"areaType": "unknown"},
            "poly2d": poly2d([[8, 47], [50, 47], [40, 26], [20, 26]], "LLLL", True)}
    result = converted_with(tmp_path, bdd_lane("solid", "rumble strip", [[10, 47], [10, 25]]), area)
    lane, drivable = result.mask("lane", "train"), result.mask("drivable", "train")
    assert (lane[30, 10], lane[30, 40]) == (255, BACKGROUND)
    assert (drivable[40, 30], drivable[10, 30]) == (255, 2)
    assert result.summary.whys("ignored") == {"lane or area of unknown kind": 4}


def test_an_object_without_a_box_is_boxed_by_its_polygon_or_unknown(tmp_path):
    result = converted_with(tmp_path, {"category": "car", "poly2d": poly2d([[8, 40], [30, 40], [20, 26]], "LLL", True)},
                            {"category": "person", "box2d": None})
    assert result.boxes() == [("train.jpg", "vehicle", [8, 26, 22, 14], 0)]
    ids = {category["name"]: category["id"] for category in result.coco()["categories"]}
    assert result.coco()["images"][0]["not_exhaustive_category_ids"] == [ids["person"]]
    assert result.summary.whys("dropped", "person") == {"neither box2d nor poly2d": 2}
