"""Images that cannot be read, or whose labels cannot, in formats of every kind."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mtzoo.data.convert import Options
from mtzoo.data.convert.left_out import ENOUGH, LeftOut
from mtzoo.errors import UserError
from tests.data.convert.helpers import Converted, converted, write_image, write_json, write_mask, write_text
from tests.data.convert.layouts import KITTI_ROWS, PASCAL_TEXT

SOME = Options(classes="own", max_bad_images=0.5)


def write_yolo(root: Path) -> None:
    for name in "abcd":
        write_image(root / "images" / f"{name}.jpg")
        write_text(root / "labels" / f"{name}.txt", "0 0.5 0.5 0.25 0.25")
    write_text(root / "data.yaml", "train: images", "names: [lamp]")


def write_voc(root: Path) -> None:
    box = "<object><name>lamp</name><bndbox><xmin>5</xmin><ymin>5</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object>"
    for name in "abcd":
        write_image(root / "images" / f"{name}.jpg")
        write_text(root / "Annotations" / f"{name}.xml", f"<annotation><filename>{name}.jpg</filename>{box}</annotation>")


def write_coco(root: Path) -> None:
    images = [{"id": k, "file_name": f"{name}.jpg", "width": 64, "height": 48} for k, name in enumerate("abcd")]
    boxes = [{"id": k, "image_id": k, "category_id": 1, "bbox": [5, 5, 20, 20]} for k in range(4)]
    write_json(root / "labels.json", {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "lamp"}]})
    for image in images:
        write_image(root / "images" / image["file_name"])


def names(result: Converted) -> set[str]:
    return {image["file_name"] for split in ("train", "val") for image in result.coco(split)["images"]}


FAULTS: dict[str, Callable[[Path], object]] = {
    "is cut off": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "no such file|No such file": lambda path: (path.unlink(), path.symlink_to("nowhere.jpg")),
    "no JPEG": lambda path: path.write_text("<html>"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("form", "write"), [("yolo", write_yolo), ("voc", write_voc), ("coco", write_coco)])
def test_an_unreadable_image_is_left_out_and_told(form, write, fault, tmp_path):
    write(tmp_path / "src")
    FAULTS[fault](tmp_path / "src" / "images" / "b.jpg")
    with pytest.raises(UserError, match=rf"({fault}).*; 1 of \d images in .*src cannot be read: .*--max-bad-images"):
        converted(form, tmp_path / "src", tmp_path / "out", Options(classes="own"))
    assert not (tmp_path / "out").exists()
    result = converted(form, tmp_path / "src", tmp_path / "out", SOME)
    assert names(result) == {"a.jpg", "c.jpg", "d.jpg"}
    assert result.summary.whys("dropped")["unreadable image or labels"]
    assert result.summary.unlabelled == 0
    assert "b.jpg" in json.loads((tmp_path / "out" / "convert.json").read_text())["remarks"][0]


def test_a_label_file_with_a_fault_leaves_its_image_out(tmp_path):
    write_yolo(tmp_path / "src")
    write_text(tmp_path / "src" / "labels" / "c.txt", "0 0.5 0.5 0.25 0.25", "7 0.5 0.5 0.25 0.25")
    result = converted("yolo", tmp_path / "src", tmp_path / "out", SOME)
    assert names(result) == {"a.jpg", "b.jpg", "d.jpg"}
    assert "c.txt:2: class '7'" in result.summary.firsts["dropped"]


def write_kitti(root: Path) -> None:
    for name in "abcd":
        write_image(root / "images" / f"{name}.jpg")
        write_text(root / "labels" / f"{name}.txt", *KITTI_ROWS)


def write_pascal(root: Path) -> None:
    for name in "abcd":
        write_image(root / "images" / f"{name}.jpg")
        write_text(root / "labels" / f"{name}.txt", PASCAL_TEXT)


POLYGONS = b"0 0.1 0.1 0.9 0.1 0.9 0.9\n0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9\n"


@pytest.mark.parametrize(("form", "write", "content", "told"), [
    ("yolo", write_yolo, b"0 0.5 0.5 0.2 0.2 \xff", "no UTF-8 text"),
    ("yolo", write_yolo, POLYGONS + b"0 0.1 x 0.9 0.1 0.9 0.9", "a.txt:3: 'x' is not a number"),
    ("kitti", write_kitti, b"Caf\xe9 0 0 0", "no UTF-8 text"),
    ("kitti", write_kitti, KITTI_ROWS[0].replace("-1.57", "left").encode(), "a.txt:1: 'left' is not a number"),
    ("kitti", write_kitti, b"Car 0 0 0 10 8 40 28", "a.txt:1: 8 columns"),
    ("pascal", write_pascal, PASCAL_TEXT.encode() + b"# caf\xe9", "no UTF-8 text"),
])
def test_a_label_file_that_says_what_the_set_is_leaves_its_image_out_too(form, write, content, told, tmp_path):
    write(tmp_path / "src")
    (tmp_path / "src" / "labels" / "a.txt").write_bytes(content)  # the first: it is looked at before any image is read
    result = converted(form, tmp_path / "src", tmp_path / "out", SOME)
    assert names(result) == {"b.jpg", "c.jpg", "d.jpg"}
    assert told in result.summary.firsts["dropped"]


def test_a_mask_of_another_size_leaves_its_image_out(tmp_path):
    for name in "abcd":
        for split in ("train", "val"):
            write_image(tmp_path / "src" / split / f"{name}.png")
            write_mask(tmp_path / "src" / f"{split}annot" / f"{name}.png", np.full((48, 64), 3, np.uint8))
    write_mask(tmp_path / "src" / "trainannot" / "a.png", np.full((24, 32), 3, np.uint8))
    summary = converted("camvid", tmp_path / "src", tmp_path / "out", SOME).summary
    assert summary.images == {"train": 3, "val": 4}
    assert summary.firsts["dropped"].endswith("train/a.png: the image is 64x48, its seg mask 32x24; restore one")


def test_too_many_end_the_conversion_early_with_the_first_few():
    left_out = LeftOut(total=1000, max_share=0.01, src=Path("set"))
    for number in range(ENOUGH - 1):
        left_out.count(f"{number}.jpg: bad")
    with pytest.raises(UserError, match=r"^0.jpg: bad; 1.jpg: bad; .*; and 97 more; 100 of 1,000 images in set cannot be read"):
        left_out.count("99.jpg: bad")
    few = LeftOut(total=1000, max_share=0.2, src=Path("set"))
    for number in range(ENOUGH):
        few.count(f"{number}.jpg: bad")
    few.check()


def test_the_share_is_checked():
    with pytest.raises(UserError, match="--max-bad-images 2: expected a share"):
        Options(max_bad_images=2)
