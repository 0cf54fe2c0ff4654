"""What of a config goes into a file for others."""

import json
from pathlib import Path

import pytest

from mtzoo.config import config_from_dict
from mtzoo.config.portable import portable
from tests.tiny import config_values


def changed(**changes):
    return config_from_dict(config_values(Path("data/mine"), **changes))


def test_nothing_changes_where_no_path_is_absolute():
    config = changed(distillation={"teacher": "work_dirs/a/with-bn-float-last.pt"})
    assert portable(config).resolved == config.resolved


@pytest.mark.parametrize(("root", "kept"), [
    ("/home/alice/drives", ("images", "boxes.json", "masks")),
    (r"C:\Users\alice\drives", ("images", "boxes.json", "masks")),
    ("~alice/drives/day", ("images", "boxes.json", "masks")),
])
def test_data_lie_below_the_data_root_of_whoever_loads_it(root, kept):
    separator = "\\" if "\\" in root else "/"
    names = {"images": f"{root}{separator}images", "annotations": f"{root}{separator}boxes.json"}
    sources = {"boxes": {"type": "CocoBoxes", **names},
               "masks": {"type": "MaskFolder", "images": names["images"], "masks": f"{root}{separator}masks"}}
    config = portable(changed(sources=sources))
    assert "alice" not in json.dumps(config.resolved)
    assert config.resolved["data_root"] == "$MTZOO_DATA"
    boxes, masks = config.tasks[0].val_sources[0], config.tasks[1].val_sources[0]
    assert (boxes.images, boxes.annotations, masks.masks) == tuple(f"$MTZOO_DATA/{name}" for name in kept)


def test_folders_with_little_in_common_leave_their_last_names():
    sources = {"boxes": {"type": "CocoBoxes", "images": "/home/alice/a/images", "annotations": "/home/bob/b/boxes.json"},
               "masks": {"type": "MaskFolder", "images": "/home/alice/a/images", "masks": "/data/masks"}}
    found = portable(changed(sources=sources)).resolved["sources"]
    assert found["boxes"] == {"type": "CocoBoxes", "images": "{data_root}/images", "annotations": "{data_root}/boxes.json"}
    assert found["masks"]["masks"] == "{data_root}/masks"


def test_what_lies_below_an_absolute_data_root_stays_there():
    sources = {"boxes": {"type": "CocoBoxes", "images": "{data_root}/a/images", "annotations": "/data/a/boxes.json"},
               "masks": {"type": "MaskFolder", "images": "{data_root}/a/images", "masks": "/data/a/masks"}}
    found = portable(changed(data_root="/data", sources=sources)).resolved
    assert found["data_root"] == "$MTZOO_DATA"
    assert found["sources"]["boxes"]["annotations"] == "{data_root}/a/boxes.json"
    assert found["sources"]["masks"]["masks"] == "{data_root}/a/masks"


def test_weights_and_teacher_keep_their_names():
    backbone = {"type": "Torchvision", "name": "resnet18", "weights": "/home/alice/secret/best.pth"}
    values = config_values(Path("data"), distillation={"teacher": "/home/alice/run/teacher.pt", "temperature": 2.0})
    values["nodes"] = {**values["nodes"], "backbone": backbone}
    found = portable(config_from_dict(values))
    assert found.resolved["nodes"]["backbone"] == {**backbone, "weights": "best.pth"}
    assert found.graphs["seg"][0].params["weights"] == "best.pth"
    assert (found.distillation.teacher, found.distillation.temperature) == ("teacher.pt", 2.0)


def test_class_names_are_no_paths():
    values = config_values(Path("data"))
    values["tasks"]["seg"]["classes"] = ["/sky/blue", "ground", "thing"]
    assert portable(config_from_dict(values)).tasks[1].classes == ("/sky/blue", "ground", "thing")
