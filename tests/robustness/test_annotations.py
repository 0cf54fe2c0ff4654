"""A sample of hostile label files, by hand, through `data convert` and `data check`; the fuzz suite makes the rest."""

import json
import os
from pathlib import Path

import pytest

from tests.data.convert.layouts import LAYOUTS
from tests.robustness.corpus import cases
from tests.robustness.harness import assert_held
from tests.tiny import config_values, write_config, write_images

LAUGHS = (
    "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + k)} '{f'&{chr(97 + k)};' * 10}'>" for k in range(9))
    + "]><annotation><filename>&j;</filename></annotation>"
)
OUTSIDE = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><annotation><filename>&x;</filename></annotation>"
YAML_LAUGHS = (
    "a: &a [x]\n"
    + "".join(f"{chr(98 + k)}: &{chr(98 + k)} [{', '.join([f'*{chr(97 + k)}'] * 10)}]\n" for k in range(9))
    + "names: *j\n"
)

LABELS = {
    "voc-laughs": ("voc", "Annotations/a.xml", LAUGHS),
    "voc-outside": ("voc", "Annotations/a.xml", OUTSIDE),
    "voc-deep": ("voc", "Annotations/a.xml", "<a>" * 100_000),
    "voc-fifo": ("voc", "Annotations/a.xml", None),
    "yolo-laughs": ("yolo", "data.yaml", YAML_LAUGHS),
    "yolo-code": ("yolo", "data.yaml", "names: !!python/object/apply:os.system ['touch owned']\n"),
    "yolo-climbs": ("yolo", "data.yaml", "train: ../../../../etc\nval: /etc\nnames: [car]\n"),
    "yolo-fifo": ("yolo", "labels/train/train.txt", None),
    "yolo-nan": ("yolo", "labels/train/train.txt", "0 nan nan nan nan\n"),
    "yolo-huge": ("yolo", "labels/train/train.txt", "0 1e308 1e308 1e308 1e308\n"),
    "yolo-class": ("yolo", "labels/train/train.txt", "9" * 5000 + " 0.5 0.5 0.1 0.1\n"),
    "yolo-deep": ("yolo", "data.yaml", "[" * 50_000),
    "kitti-long": ("kitti", "training/label_2/000000.txt", "x" * 1_000_000),
    "kitti-fifo": ("kitti", "training/label_2/000000.txt", None),
    "bdd-deep": ("bdd100k", "labels/bdd100k_labels_images_train.json", "[" * 200_000 + "]" * 200_000),
    "labelme-climbs": (
        "labelme",
        "train/json/a.json",
        json.dumps({"shapes": [], "imagePath": "../../../../etc/passwd", "imageHeight": 48, "imageWidth": 64}),
    ),
    "labelme-huge": (
        "labelme",
        "train/json/a.json",
        json.dumps({"shapes": [], "imagePath": "..\\images\\a.jpg", "imageHeight": 10**9, "imageWidth": 10**9}),
    ),
    "tusimple-number": ("tusimple", "label_data_0313.json", "9" * 5000),
    "culane-climbs": ("culane", "list/train.txt", "/../../etc/passwd\n"),
    "image-labels-climbs": ("image_labels", "image_labels.csv", "image,task,class\n../../../../etc/passwd,time,day\n"),
    "image-labels-task": ("image_labels", "image_labels.csv", "image,task,class\na.jpg,../../up,day\n"),
    "image-labels-long": ("image_labels", "image_labels.csv", "image,task,class\na.jpg,time," + "x" * 1_000_000 + "\n"),
    "image-labels-null": ("image_labels", "image_labels.csv", "image,task,class\na.jpg\0,time,day\n"),
    "image-labels-fifo": ("image_labels", "image_labels.csv", None),
    "cityscapes-deep": ("cityscapes", "gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json", '{"a":' * 200_000),
}


@pytest.mark.parametrize(("name", "case"), cases(LABELS, ["voc-laughs", "yolo-code", "yolo-fifo"]))
def test_label_files(name, case, harness, tmp_path):
    """content None: a pipe that nobody writes to."""
    layout, file, content = case
    form, write = LAYOUTS[layout]
    write(tmp_path / "src")
    path = tmp_path / "src" / file
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_text(content)
    outcome = harness.verb(["data", "convert", form, "--data", tmp_path / "src", "--out", tmp_path / "out" / "set"], tmp_path)
    assert_held(outcome, (0, 2))
    assert "root:x:0" not in outcome.out + outcome.err


def coco_of(folder: Path) -> dict:
    return json.loads((folder / "boxes.json").read_text())


COCO = {
    "deep": lambda coco: "[" * 200_000,
    "number": lambda coco: "9" * 5000,
    "climbs": lambda coco: json.dumps({**coco, "images": [{**coco["images"][0], "file_name": "../../../../etc/passwd"}]}),
    "ids": lambda coco: json.dumps({**coco, "images": [{**image, "id": 1} for image in coco["images"]]}),
    "many": lambda coco: json.dumps({**coco, "annotations": coco["annotations"] * 100_000}),
    "keys": lambda coco: json.dumps({**coco, "\x1b[31m": 1, "categories": [{"id": 1, "name": "\x1b[31m[/b]"}]}),
}


@pytest.mark.parametrize(("name", "change"), cases(COCO, ["deep", "climbs"]))
def test_coco_files(name, change, harness, tmp_path):
    data = write_images(tmp_path / "data", 2)
    (data / "boxes.json").write_text(change(coco_of(data)))
    config = write_config(tmp_path / "config.py", config_values(data))
    outcome = harness.verb(["data", "check", config, "--workers", "1"], tmp_path)
    assert_held(outcome, (2,), lists_faults=True)
