import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_json
from tests.data.convert.layouts import write_labelme


def test_shapes_become_boxes_surfaces_and_lanes(tmp_path):
    write_labelme(tmp_path / "src")
    result = converted("labelme", tmp_path / "src", tmp_path / "out")
    assert result.boxes() == [("images/a.jpg", "vehicle", [4, 4, 20, 10], 0),
                              ("images/a.jpg", "traffic_light", [36, 6, 8, 8], 0)]
    seg, lane = result.mask("seg", "images/a"), result.mask("lane", "images/a")
    assert (seg[40, 5], seg[5, 5]) == (3, 255)
    assert (lane[40, 30], lane[40, 5]) == (2, 0)
    assert result.summary.lines[0].endswith("a.json: shapes[4]: shape_type 'point' of 'nail' has no area")


def test_own_names_stay(tmp_path):
    write_labelme(tmp_path / "src")
    result = converted("labelme", tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert [box[1] for box in result.boxes()] == ["car", "Traffic Light"]


@pytest.mark.parametrize(("change", "message"), [
    ({"imagePath": "../../../a.jpg"}, r"a.json: path '../a.jpg' leaves its folder"),
    ({"imageWidth": 60}, r"a.json: imageHeight, imageWidth are 48, 60, the image is 48 x 64"),
    ({"shapes": [{"label": "car", "points": 3}]}, r"a.json: shapes\[0\]: expected a list of points \[x, y\], got 3"),
    ({"shapes": [{"points": [[1, 2]]}]}, r"a.json: shapes\[0\]: 'label' is None; expected a text"),
])
def test_a_bad_file_is_named(change, message, tmp_path):
    write_labelme(tmp_path / "src")
    path = tmp_path / "src" / "train" / "json" / "a.json"
    write_json(path, json.loads(path.read_text()) | change)
    with pytest.raises(UserError, match=message):
        converted("labelme", tmp_path / "src", tmp_path / "out")


def test_flags_that_are_set_are_classes_of_the_whole_image(tmp_path):
    src = tmp_path / "src"
    write_labelme(src)
    for split, flags in (("train", {"night": True, "day": False}), ("val", {"night": False, "day": True, "road:wet": True})):
        path = src / split / "json" / "a.json"
        write_json(path, json.loads(path.read_text()) | {"flags": flags})
    result = converted("labelme", src, tmp_path / "out", Options(rename={"day": "light"}))
    assert result.summary.image_classes == {"cls": ["light", "night"], "road": ["wet"]}
    assert len(result.boxes()) == 2
    write_json(path, json.loads(path.read_text()) | {"flags": "night"})
    with pytest.raises(UserError, match=r"a.json: 'flags' is 'night'; expected"):
        converted("labelme", src, tmp_path / "other")


def write_one(root: Path, *shapes: dict, image: str = "images/a.jpg", named: str = "..\\images\\a.jpg") -> Path:
    """Two images, a.jpg and b.jpg, with the same shapes; the JSON files lie in json/."""
    for stem in "ab":
        write_image(root / image.replace("a.jpg", f"{stem}.jpg"))
        write_json(root / "json" / f"{stem}.json", {"shapes": shapes, "imagePath": named.replace("a.jpg", f"{stem}.jpg")})
    return root


CAR = {"label": "car", "points": [[24, 14], [4, 4]], "shape_type": "rectangle"}


@pytest.mark.parametrize(("image", "named"), [
    ("images/a.jpg", "..\\images\\a.jpg"), ("json/a.jpg", "C:\\Users\\me\\pictures\\a.jpg"), ("json/a.jpg", "..\\..\\a.jpg"),
    ("json/day/a.jpg", "day\\a.jpg"), ("json/a.jpg", "/home/me/a.jpg")])
def test_paths_as_windows_and_other_machines_write_them(image, named, tmp_path):
    result = converted("labelme", write_one(tmp_path / "src", CAR, image=image, named=named), tmp_path / "out")
    assert [(box[0].rsplit("/")[-1], *box[1:]) for box in result.boxes()] == [("a.jpg", "vehicle", [4, 4, 20, 10], 0)]


def test_a_path_that_leaves_the_root_is_refused(tmp_path):
    write_image(tmp_path / "a.jpg")
    with pytest.raises(UserError, match=r"a.json: path '../a.jpg' leaves its folder"):
        converted("labelme", write_one(tmp_path / "src", CAR, named="..\\..\\a.jpg"), tmp_path / "out")


def write_beside(root: Path, *places: str) -> Path:
    """An image with a JSON beside it at each place."""
    for place in places:
        image = write_image(root / f"{place}.jpg")
        write_json(image.with_suffix(".json"), {"shapes": [CAR], "imagePath": image.name})
    return root


def test_splits_are_called_as_in_other_formats_and_a_test_part_is_not_trained_on(tmp_path):
    src = write_beside(tmp_path / "src", "train/a", "train/b", "valid/a", "test/a")
    result = converted("labelme", src, tmp_path / "out")
    assert [image["file_name"] for image in result.coco()["images"]] == ["a.jpg", "b.jpg"]
    assert [image["file_name"] for image in result.coco("val")["images"]] == ["a.jpg"]
    assert result.summary.whys("dropped") == {"in the test part, which is not read": 1}


def test_other_json_files_are_told_and_hidden_ones_are_not_read(tmp_path):
    src = write_beside(tmp_path / "src", "a", "b")
    write_json(src / "classes.json", ["car"])
    write_json(src / ".ipynb_checkpoints" / "a-checkpoint.json", {"shapes": [], "imagePath": "a.jpg"})
    summary = converted("labelme", src, tmp_path / "out").summary
    assert (summary.images, summary.whys("dropped")) == ({"train": 1, "val": 1}, {"JSON that is none of LabelMe's": 1})
    for path in src.glob("?.json"):
        path.unlink()
    with pytest.raises(UserError, match="no JSON of LabelMe in it; --data must contain"):
        converted("labelme", src, tmp_path / "none")


def test_an_image_has_one_json_or_is_not_labelled(tmp_path):
    src = write_beside(tmp_path / "src", "a", "b")
    write_image(src / "c.jpg")
    assert converted("labelme", src, tmp_path / "out").summary.whys("dropped") == {"image without a JSON": 1}
    write_json(src / "copy" / "a.json", {"shapes": [], "imagePath": "../a.jpg"})
    with pytest.raises(UserError, match=r"copy/a.json: its image a.jpg is that of .*src/a.json, too; keep one of them"):
        converted("labelme", src, tmp_path / "twice")


def test_a_shape_without_extent_makes_its_class_unknown_in_the_image(tmp_path):
    point = {"label": "truck", "points": [[30, 30]], "shape_type": "point"}
    result = converted("labelme", write_one(tmp_path / "src", CAR, point), tmp_path / "out")
    ids = {category["name"]: category["id"] for category in result.coco()["categories"]}
    assert result.coco()["images"][0]["not_exhaustive_category_ids"] == [ids["vehicle"]]


def test_a_mask_of_pixels_is_boxed_and_paints(tmp_path):
    """A PNG of 5x4 pixels at (10, 20), the first column of which is not set."""
    pixels = np.full((4, 5), 255, np.uint8)
    pixels[:, 0] = 0
    png = base64.b64encode(cv2.imencode(".png", pixels)[1]).decode()
    mask = {"label": "puddle", "shape_type": "mask", "points": [[10, 20], [14, 23]], "mask": png}
    result = converted("labelme", write_one(tmp_path / "src", mask), tmp_path / "out", Options(classes="own"))
    assert result.boxes() == [("images/a.jpg", "puddle", [11, 20, 4, 4], 0)]
    painted = result.mask("seg", "images/a")
    assert painted[20:24, 11:15].all()
    assert painted.sum() == 16
    with pytest.raises(UserError, match=r"a.json: shapes\[0\]: 'mask' is 'no PNG'; expected a PNG in base64"):
        converted("labelme", write_one(tmp_path / "bad", mask | {"mask": "no PNG"}), tmp_path / "other")


def test_a_mask_without_its_pixels_is_boxed(tmp_path):
    shape = CAR | {"shape_type": "mask", "mask": None}
    assert converted("labelme", write_one(tmp_path / "src", shape), tmp_path / "out").boxes() == [
        ("images/a.jpg", "vehicle", [4, 4, 20, 10], 0)]


def test_a_box_of_a_surface_is_told_and_is_no_background(tmp_path):
    road = {"label": "road", "points": [[0, 30], [63, 30], [63, 47], [0, 47]]}
    boxed = {"label": "road", "points": [[0, 10], [20, 20]], "shape_type": "rectangle"}
    result = converted("labelme", write_one(tmp_path / "src", road, boxed), tmp_path / "out", Options(classes="own"))
    assert result.summary.whys("dropped") == {"box of a surface, which has no outline": 2}
    assert result.mask("seg", "images/a")[[40, 15, 15], [5, 5, 50]].tolist() == [1, 255, 0]


def test_a_line_of_no_lane_class_is_no_background_among_lanes(tmp_path):
    lines = [{"label": "solid", "points": [[10, 0], [10, 47]], "shape_type": "line"},
             {"label": "wire", "points": [[0, 20], [63, 20]], "shape_type": "linestrip"}]
    result = converted("labelme", write_one(tmp_path / "src", *lines), tmp_path / "out")
    lane = result.mask("lane", "images/a")
    assert (lane[10, 10], lane[20, 40], lane[40, 40]) == (1, 255, 0)
    assert result.summary.whys("dropped", "wire") == {"line that is not a lane class": 2}


@pytest.mark.parametrize(("shapes", "classes", "masks"), [
    ([("cat", "rectangle")], "own", {}), ([("cat", "polygon")], "own", {"seg": ["background", "cat"]}),
    ([("cat", "rectangle"), ("car", "rectangle")], "tasks", {}), ([("cat", "rectangle"), ("lane", "line")], "tasks", None),
    ([("cat", "rectangle"), ("scratch", "line")], "own", {}), ([("road", "polygon")], "tasks", None)])
def test_names_are_kept_by_themselves_where_none_is_a_task_s(shapes, classes, masks, tmp_path):
    for name in "ab":
        write_image(tmp_path / "src" / f"{name}.jpg")
        write_json(tmp_path / "src" / f"{name}.json", {"imagePath": f"{name}.jpg", "shapes": [
            {"label": label, "shape_type": kind, "points": [[8, 12], [32, 12], [32, 24]][:2 if kind in ("rectangle", "line") else 3]}
            for label, kind in shapes]})
    summary = converted("labelme", tmp_path / "src", tmp_path / "out", Options(classes="auto")).summary
    assert summary.classes == classes
    assert masks is None or summary.mask_classes == masks
    assert ("cat" in summary.categories) == ("cat" in dict(shapes))
