from pathlib import Path

import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.errors import UserError
from tests.data.convert.helpers import HW, converted, write_image, write_mask, write_text
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
    ("9" * 5000 + " 0.5 0.5 0.1 0.1", r"train.txt:1: class '9{80}'; the set has classes 0..1"),
    ("0 0.5 0.5 0.1", r"train.txt:1: 4 columns; a box has 5"),
    ("0 0.5 0.5 0.1 x", r"train.txt:1: 'x' is not a number"),
    ("0 320 240 64 48", r"train.txt:1: value 320; coordinates are shares of the image's size"),
])
def test_a_bad_row_is_named(row, message, tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "labels" / "train" / "train.txt", row)
    with pytest.raises(UserError, match=message):
        converted("yolo", tmp_path / "src", tmp_path / "out")


@pytest.mark.parametrize(("lines", "message"), [
    (["train: [", "names: [a]"], r"data.yaml: not YAML"),
    (["train: images/train", "val: images/val", "names: {-1: a}"], r"data.yaml: names=\{...\}; expected a list of class names"),
    (["train: images/train", "val: images/val", "names: {0: a, x: b}"], r"data.yaml: names=\{...\}; expected a list of class names"),
    (["train: images/gone", "val: gone/val", "names: [a, b]"],
     r"data.yaml: 'train' and 'val' do not exist; .*data.yaml: 'images/gone': no such folder or list"),
    (["train: !!python/object/apply:os.getcwd []", "val: a", "names: [a]"], r"data.yaml: not YAML"),
])
def test_a_bad_yaml_is_named(lines, message, tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "data.yaml", *lines)
    with pytest.raises(UserError, match=message):
        converted("yolo", tmp_path / "src", tmp_path / "out")


def write_set(root: Path, rows: list[str], *yaml: str, images: str = "train/images", labels: str = "train/labels") -> Path:
    """Images 0.jpg, 1.jpg, ... of 64x48, each with the same rows."""
    for number in range(4):
        write_image(root / images / f"{number}.jpg")
        write_text(root / labels / f"{number}.txt", *rows)
    write_text(root / "data.yaml", f"train: {images}", "names: [car, boat]", *yaml)
    return root


POSE = "0 0.5 0.5 0.25 0.5 0.45 0.4 0.55 0.6"
POSE_3 = "1 0.5 0.25 0.25 0.25 0.45 0.2 2 0.55 0.3 1 0 0 0"


@pytest.mark.parametrize(("row", "shape", "box"), [(POSE, "[2, 2]", [24, 12, 16, 24]), (POSE_3, "[3, 3]", [24, 6, 16, 12])])
def test_of_poses_the_box_is_kept_and_the_points_are_told(row, shape, box, tmp_path):
    src = write_set(tmp_path / "src", [row, "0 0.25 0.25 0.25 0.25"], f"kpt_shape: {shape}")
    result = converted("yolo", src, tmp_path / "out")
    assert [b[2] for b in result.boxes()[:2]] == [box, [8, 6, 16, 12]]
    assert result.summary.whys("mended") == {"keypoints dropped, box kept": 4}


def test_rows_that_could_be_two_things_are_refused_and_settled_by_the_yaml(tmp_path):
    src = write_set(tmp_path / "src", [POSE])
    with pytest.raises(UserError, match=r"0.txt:1: rows of 9 columns could be polygons, or boxes with keypoints; write kpt_shape: "):
        converted("yolo", src, tmp_path / "out")
    write_set(src, [POSE], "kpt_shape: null")
    assert converted("yolo", src, tmp_path / "out").boxes()[0][2] == pytest.approx([16, 19.2, 19.2, 9.6]), "the polygon's box"
    write_set(src, [POSE], "kpt_shape: [3, 2]")
    with pytest.raises(UserError, match=r"0.txt:1: 9 columns; a box has 5 .*, a pose 11"):
        converted("yolo", src, tmp_path / "out2")
    write_set(src, [POSE], "kpt_shape: [3, x]")
    with pytest.raises(UserError, match=r"data.yaml: kpt_shape=\[3, 'x'\]"):
        converted("yolo", src, tmp_path / "out2")


@pytest.mark.parametrize("rows", [
    ["0 0.1 0.1 0.2 0.1 0.2 0.3", "1 0.5 0.5 0.6 0.5 0.6 0.6 0.5 0.6"],  # of two lengths
    ["0 0.8 0.8 0.9 0.8 0.9 0.9 0.8 0.9"],  # the box of a pose would leave the image
    ["0 0.2 0.2 0.2 0.2 0.9 0.9 0.2 0.9"],  # and here the points the box
])
def test_rows_that_can_only_be_polygons_need_no_word(rows, tmp_path):
    src = write_set(tmp_path / "src", rows)
    xs, ys = (list(map(float, rows[0].split()[k::2])) for k in (1, 2))
    box = [64 * min(xs), 48 * min(ys), 64 * (max(xs) - min(xs)), 48 * (max(ys) - min(ys))]
    assert converted("yolo", src, tmp_path / "out").boxes()[0][2] == pytest.approx(box, abs=0.01)


@pytest.mark.parametrize(("images", "labels"), [
    ("train/imgs", "train/labels"), ("imgs/train", "labels/train"), ("images/train", "images/train"), ("images/train", "labels/train"),
    ("train", "train/labels"), ("pictures/train/day", "labels/train/day"), ("images/a/images", "labels/a/images"),
    ("train", "label/train"),
])
def test_label_files_are_found(images, labels, tmp_path):
    src = write_set(tmp_path / "src", ["0 0.5 0.5 0.25 0.5"], images=images, labels=labels)
    result = converted("yolo", src, tmp_path / "out")
    assert result.summary.objects == {"vehicle": 4}
    assert result.summary.images == {"train": 3, "val": 1}, "without a val part, the last are val"


def test_without_any_label_file_nothing_is_background(tmp_path):
    src = write_set(tmp_path / "src", ["0 0.5 0.5 0.25 0.5"], "val: val/imgs")
    write_image(src / "val" / "imgs" / "b.jpg")
    with pytest.raises(UserError, match=r"none of the label files of the 1 images in val/imgs was found; b.txt was looked for in val"):
        converted("yolo", src, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_text(src / "val" / "labels" / "b.txt", "0 0.5 0.5 0.25 0.5")
    assert converted("yolo", src, tmp_path / "out").boxes("val") == [("b.jpg", "vehicle", [24, 12, 16, 24], 0)]


def test_single_images_without_a_label_file_are_told(tmp_path):
    src = write_set(tmp_path / "src", ["0 0.5 0.5 0.25 0.5"])
    (src / "train" / "labels" / "1.txt").unlink()
    write_text(src / "train" / "labels" / "2.txt")
    summary = converted("yolo", src, tmp_path / "out").summary
    assert summary.whys("background") == {"image without a label file, by YOLO's rule": 1}
    assert summary.empty == 2
    assert summary.lines == [f"{src}/train/images/1.jpg: no label file: background"]


def test_a_row_that_is_there_twice_is_kept_once(tmp_path):
    src = write_set(tmp_path / "src", ["0 0.5 0.5 0.25 0.5", "1 0.5 0.5 0.25 0.5", "0 0.50 0.5 0.25 0.5"])
    result = converted("yolo", src, tmp_path / "out")
    assert [box[:2] for box in result.boxes()[:2]] == [("0.jpg", "vehicle"), ("0.jpg", "boat")]
    assert result.summary.objects == {"vehicle": 4, "boat": 4}
    assert result.summary.whys("dropped", "vehicle") == {"there twice": 4}


def test_one_split_a_byte_order_mark_and_an_old_home_are_taken(tmp_path):
    src = write_set(tmp_path / "src", ["0 0.5 0.5 0.25 0.5"])
    text = "\ufeffval: /home/them/set-3/train/images\nnames: [car, boat]\n"
    (src / "data.yaml").write_text(text.replace("/home", "home"), encoding="utf-8")
    labels = src / "train" / "labels" / "0.txt"
    labels.write_text("\ufeff" + labels.read_text(), encoding="utf-8")
    assert converted("yolo", src, tmp_path / "out").summary.objects == {"vehicle": 4}


def test_a_stale_path_is_found_below_the_folder_and_told(tmp_path):
    write_yolo(tmp_path / "src")
    for home in ("/home/them/set", "C:\\them\\set", "set-3"):
        lines = [f"train: {home}/images/train", f"val: {home}/images/val", "names: [car, light]"]
        write_text(tmp_path / "src" / "data.yaml", *lines)
        result = converted("yolo", tmp_path / "src", tmp_path / "out")
        assert result.summary.images == {"train": 2, "val": 2}
        assert result.summary.whys("mended") == {"stale path, found below --data": 2}
        assert result.summary.lines[0].endswith(f"images/train' is stale; read as {tmp_path / 'src' / 'images' / 'train'}")


def test_a_part_that_is_not_there_is_told_and_the_other_divided(tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "data.yaml", "train: gone/train", "val: images/val", "names: [car, light]")
    summary = converted("yolo", tmp_path / "src", tmp_path / "out").summary
    assert (summary.images, summary.divided) == ({"train": 1, "val": 1}, True)
    assert summary.whys("dropped") == {"part of the set that is not there": 1}


def test_labels_in_a_folder_beside_the_images_and_the_yaml_with_them(tmp_path):
    write_image(tmp_path / "src" / "images" / "train" / "a.jpg")
    write_image(tmp_path / "src" / "images" / "val" / "b.jpg")
    write_text(tmp_path / "src" / "boxes" / "set.yaml", "path: .", "train: images/train", "val: images/val", "names: [car, cone]")
    write_text(tmp_path / "src" / "boxes" / "labels" / "train" / "a.txt", "0 0.5 0.5 0.25 0.5")
    write_text(tmp_path / "src" / "boxes" / "labels" / "val" / "b.txt", "1 0.5 0.5 0.25 0.5")
    write_text(tmp_path / "src" / "other" / "labels" / "train" / "a.txt", "0 0.5 0.5 0.5 0.5")
    assert converted("yolo", tmp_path / "src", tmp_path / "out").boxes() == [("a.jpg", "vehicle", [24, 12, 16, 24], 0)]


def test_polygons_of_a_surface_paint_a_mask_and_the_rest_is_unknown(tmp_path):
    for name in "abc":
        write_image(tmp_path / "src" / "images" / f"{name}.jpg")
        write_text(tmp_path / "src" / "labels" / f"{name}.txt", "0 0 0.5 1 0.5 1 1 0 1" if name != "b" else "")
    write_text(tmp_path / "src" / "data.yaml", "train: data/images", "names: [road]")
    (tmp_path / "src" / "data").symlink_to(tmp_path / "src")
    tasks = converted("yolo", tmp_path / "src", tmp_path / "tasks")
    assert tasks.summary.tasks == ["seg_default"]
    assert not (tmp_path / "tasks" / "train" / "boxes.json").exists()
    assert tasks.mask("seg", "a")[[10, 40], 5].tolist() == [255, tasks.summary.mask_classes["seg"].index("road")]
    assert tasks.summary.unlabelled == 1, "an image without a polygon is not labelled"
    own = converted("yolo", tmp_path / "src", tmp_path / "own", Options(classes="own"))
    assert own.summary.mask_classes == {"seg": ["background", "road"]}
    assert own.mask("seg", "a")[[10, 40], 5].tolist() == [0, 1]


@pytest.mark.parametrize(("names", "row", "classes"), [
    ("[road, car, road]", "2", ["background", "road", "car"]), ("[background, road]", "1", ["background", "road"])])
def test_ids_of_masks_are_those_of_their_classes_where_a_name_is_there_twice(names, row, classes, tmp_path):
    src = write_set(tmp_path / "src", [f"{row} 0 0.5 1 0.5 1 1 0 1", f"{row} 0 0 0.5 0 0.5 0.2"])
    write_text(src / "data.yaml", "train: train/images", f"names: {names}")
    own = converted("yolo", src, tmp_path / "own", Options(classes="own"))
    assert own.summary.mask_classes == {"seg": classes}
    assert own.mask("seg", "0")[[20, 40], 5].tolist() == [0, classes.index("road")]
    tasks = converted("yolo", src, tmp_path / "tasks")
    assert tasks.mask("seg", "0")[40, 5] == tasks.summary.mask_classes["seg"].index("road")


def test_polygons_of_more_classes_than_a_mask_holds_are_boxes_alone(tmp_path):
    src = write_set(tmp_path / "src", ["299 0.25 0.25 0.5 0.25 0.5 0.5", "0 0.5 0.5 1 0.5 1 1 0.5 1"])
    names = [f"c{number}" for number in range(300)]
    write_text(src / "data.yaml", "train: train/images", f"names: [{', '.join(names)}]")
    result = converted("yolo", src, tmp_path / "out", Options(classes="own"))
    assert result.summary.objects == {"c299": 4, "c0": 4}
    assert not (tmp_path / "out" / "train" / "seg").exists()
    assert result.summary.notes == ["polygons are read as boxes alone: there are 300 classes, and a PNG mask holds 254 and the "
                                    "background; for masks, take classes out of the set"]
    write_set(tmp_path / "src", ["253 0.25 0.25 0.5 0.25 0.5 0.5", "0 0.5 0.5 1 0.5 1 1 0.5 1"])
    write_text(src / "data.yaml", "train: train/images", f"names: [{', '.join(names[:254])}]")
    assert converted("yolo", src, tmp_path / "254", Options(classes="own")).mask("seg", "0")[14, 28] == 254


def test_masks_below_the_folder_of_the_images_are_no_background(tmp_path):
    for name in "abc":
        write_image(tmp_path / "src" / "images" / f"{name}.jpg")
        write_mask(tmp_path / "src" / "images" / "drawn" / f"{name}.png", np.eye(*HW, dtype=np.uint8))
        write_text(tmp_path / "src" / "labels" / f"{name}.txt", "0 0.5 0.5 0.2 0.2")
    write_text(tmp_path / "src" / "data.yaml", "train: images", "names: [car]")
    summary = converted("yolo", tmp_path / "src", tmp_path / "out").summary
    assert (summary.images, summary.empty) == ({"train": 2, "val": 1}, 0)


@pytest.mark.parametrize("home", ["/home/them/set", "C:\\them\\set"])
def test_stale_paths_in_a_list_of_images_are_found_and_told(home, tmp_path):
    src = tmp_path / "src"
    write_yolo(src)
    write_text(src / "data.yaml", "train: lists/train.txt", "val: images/val", "names: [car, light]")
    lines = [f"{home}/images/train/{path.name}" for path in sorted((src / "images" / "train").iterdir())]
    write_text(src / "lists" / "train.txt", *lines, f"{home}/images/train/gone.jpg")
    summary = converted("yolo", src, tmp_path / "out").summary
    assert summary.images == {"train": len(lines), "val": 2}
    assert summary.whys("mended") == {"stale path, found below --data": len(lines)}
    assert summary.whys("dropped") == {"listed image that is not there": 1}
    found = min((src / "images" / "train").iterdir())
    assert summary.firsts["mended"] == f"{src / 'lists' / 'train.txt'}:1: '{lines[0]}' is stale; read as {found}"


def test_a_list_of_images_may_be_relative_to_itself(tmp_path):
    src = tmp_path / "src"
    write_yolo(src)
    write_text(src / "data.yaml", "train: images/train.txt", "val: images/val", "names: [car, light]")
    write_text(src / "images" / "train.txt", "./train/train.jpg")
    assert converted("yolo", src, tmp_path / "out").summary.images == {"train": 1, "val": 2}


def test_validation_on_images_of_training_is_told(tmp_path):
    src = tmp_path / "src"
    write_yolo(src)
    write_text(src / "data.yaml", "train: images/train", "val: images/train", "names: [car, light]")
    told = converted("yolo", src, tmp_path / "same").summary.notes
    first = min((src / "images" / "train").iterdir())
    assert told == [f"2 of the 2 images of val are images of train, too, e.g. {first}: validation on them flatters; give val images of "
                    "its own, or take val out of the set's description: then the last images become val (--val-share)"]
    write_text(src / "data.yaml", "train: images/train", "val: val.txt", "names: [car, light]")
    write_text(src / "val.txt", *(f"images/{path.parent.name}/{path.name}" for path in sorted((src / "images").rglob("*.jpg"))))
    assert converted("yolo", src, tmp_path / "lists").summary.notes[0].startswith("2 of the 4 images of val are images of train")
    write_text(src / "data.yaml", "train: images/train", "val: images/val", "names: [car, light]")
    assert converted("yolo", src, tmp_path / "apart").summary.notes == []
