import pytest

from mtzoo.errors import UserError
from tests.data.convert.helpers import converted, write_image, write_text
from tests.data.convert.layouts import write_yolo


def test_shares_become_pixels_and_polygons_boxes(tmp_path):
    write_yolo(tmp_path / "src")
    result = converted("yolo", tmp_path / "src", tmp_path / "out")
    name = "train.jpg"
    assert result.boxes() == [(name, "vehicle", [24, 12, 16, 24], 0),
                              (name, "traffic_light", pytest.approx([6.4, 4.8, 6.4, 9.6], abs=1e-3), 0)]
    assert [image["file_name"] for image in result.coco()["images"]] == ["empty.jpg", name]


def test_without_yaml_folders_and_classes_txt_serve(tmp_path):
    for name in "abcdefghij":
        write_image(tmp_path / "src" / "images" / f"{name}.jpg")
    write_text(tmp_path / "src" / "labels" / "a.txt", "0 0.5 0.5 1 1")
    write_text(tmp_path / "src" / "classes.txt", "stop sign")
    result = converted("yolo", tmp_path / "src", tmp_path / "out")
    assert result.summary.images == {"train": 9, "val": 1}
    assert result.boxes() == [("a.jpg", "stop sign", [0, 0, 64, 48], 0)]
    assert result.coco("val")["images"][0]["file_name"] == "j.jpg", "the last are val"


def test_lists_of_images_stay_inside(tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "data.yaml", "train: train.txt", "val: images/val", "names: [car, light]")
    write_text(tmp_path / "src" / "train.txt", "./images/train/train.jpg")
    assert converted("yolo", tmp_path / "src", tmp_path / "out").summary.images == {"train": 1, "val": 2}
    write_text(tmp_path / "src" / "train.txt", "images/train/train.jpg", "../../secret.jpg")
    with pytest.raises(UserError, match=r"train.txt:2: path '../../secret.jpg' leaves its folder"):
        converted("yolo", tmp_path / "src", tmp_path / "out2")


def test_path_of_the_yaml_counts_only_inside(tmp_path):
    write_yolo(tmp_path / "src" / "set")
    lines = ["train: images/train", "val: images/val", "names: [car, light]"]
    for given in ("set", str(tmp_path / "src" / "set"), "./set"):
        write_text(tmp_path / "src" / "data.yaml", f"path: {given}", *lines)
        assert len(converted("yolo", tmp_path / "src", tmp_path / "out").boxes()) == 2
    write_text(tmp_path / "src" / "data.yaml", f"path: {tmp_path}", *lines)
    with pytest.raises(UserError, match=r"data.yaml: 'images/train': no such folder or list in .*src;"):
        converted("yolo", tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(("row", "message"), [
    ("2 0.5 0.5 0.1 0.1", r"train.txt:1: class '2'; the set has classes 0..1"),
    ("0 0.5 0.5 0.1", r"train.txt:1: 4 columns; a box has 5"),
    ("0 0.5 0.5 0.1 x", r"train.txt:1: 'x' is no number"),
    ("0 320 240 64 48", r"train.txt:1: value 320; coordinates are shares of the image's size"),
])
def test_a_bad_row_is_named(row, message, tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "labels" / "train" / "train.txt", row)
    with pytest.raises(UserError, match=message):
        converted("yolo", tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(("lines", "message"), [
    (["train: [", "names: [a]"], r"data.yaml: not YAML"),
    (["names: [a]"], r"data.yaml: 'train' and 'val' are missing"),
    (["train: images/train", "val: images/val", "names: {1: a}"], r"data.yaml: names=\{1: 'a'\}; a list of class names"),
    (["train: images/gone", "val: images/val", "names: [a, b]"], r"data.yaml: 'images/gone': no such folder or list"),
    (["train: !!python/object/apply:os.getcwd []", "val: a", "names: [a]"], r"data.yaml: not YAML"),
])
def test_a_bad_yaml_is_named(lines, message, tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "data.yaml", *lines)
    with pytest.raises(UserError, match=message):
        converted("yolo", tmp_path / "src", tmp_path / "out")
