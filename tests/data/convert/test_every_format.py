"""The contract of every format: what it writes reads without a fault, and the source stays as it was."""

import json
import os
from pathlib import Path

import pytest

from mtzoo.data.check import check_sources
from mtzoo.data.convert import FORMATS, Options
from mtzoo.data.convert.classes import TASK_CLASSES
from mtzoo.data.sources import CocoBoxes, LabelList, MaskFolder, TaskData
from mtzoo.errors import UserError
from tests.data.convert.helpers import converted
from tests.data.convert.layouts import LAYOUTS


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_every_format_has_a_layout_here():
    assert {form for form, _ in LAYOUTS.values()} == set(FORMATS)


@pytest.mark.parametrize("classes", ["tasks", "own"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_reads_without_a_fault(layout, classes, tmp_path):
    form, write = LAYOUTS[layout]
    write(tmp_path / "src")
    before = contents(tmp_path / "src")
    rename = {"foreground": "person"} if layout == "masks" else {}  # else no class is one of a task
    result = converted(form, tmp_path / "src", tmp_path / "out", Options(classes=classes, workers=2, rename=rename))
    assert contents(tmp_path / "src") == before
    receipt = json.loads((tmp_path / "out" / "convert.json").read_text())
    for split in ("train", "val"):
        tasks = tasks_of(tmp_path / "out" / split, receipt)
        assert tasks, split
        assert check_sources(tasks).faults == []
        assert result.summary.images[split] == len(list((tmp_path / "out" / split / "images").rglob("*.*g")))
    assert sorted(os.listdir(tmp_path)) == ["out", "src"]


def tasks_of(folder: Path, receipt: dict) -> list[TaskData]:
    """The set's labels as tasks over all their classes."""
    tasks = []
    if (folder / "boxes.json").exists():
        source = CocoBoxes(str(folder / "images"), str(folder / "boxes.json"), "boxes", follow_links=True)
        names = [name for name in receipt["categories"] if name != "ignore"]
        tasks.append(TaskData("det", "detection", names, (source,)))
    for kind, classes in receipt["mask_classes"].items():
        source = MaskFolder(str(folder / "images"), str(folder / kind), kind, follow_links=True)
        tasks.append(TaskData(kind, "segmentation", classes, (source,)))
    for task, classes in receipt["image_classes"].items():
        source = LabelList(str(folder / "images"), str(folder / f"{task}.tsv"), task, separator="\t", follow_links=True)
        tasks.append(TaskData(task, "classification", classes, (source,)))
    return tasks


@pytest.mark.parametrize(("layout", "expected"), [
    ("bdd100k", ["det_cyclist_light", "det_vehicle_sign", "seg_default", "seg_lane", "seg_drivable"]),
    ("cityscapes", ["det_cyclist_light", "det_vehicle_sign", "seg_default"]), ("idd", ["det_vehicle_sign", "seg_default"]),
    ("kitti", ["det_person", "det_rear", "det_vehicle_sign"]),
    ("camvid", ["seg_default"]), ("camvid32", ["seg_default", "seg_paint"]), ("voc", ["det_vehicle_sign"]),
    ("yolo", ["det_cyclist_light", "det_vehicle_sign"]), ("tusimple", ["seg_paint"]), ("culane", ["seg_paint"]),
    ("coco", ["det_vehicle_sign"]),  # a class without one object is known, but nothing to learn
    ("labelme", ["det_cyclist_light", "det_vehicle_sign", "seg_default", "seg_paint"]),
])
def test_tasks_that_are_served(layout, expected, tmp_path):
    form, write = LAYOUTS[layout]
    write(tmp_path / "src")
    if layout == "bdd100k":
        expected = [task for task in expected if task != "seg_default"]  # needs the 10k set, see test_bdd100k
    summary = converted(form, tmp_path / "src", tmp_path / "out").summary
    assert summary.tasks == expected
    assert set(expected) & set(TASK_CLASSES) == {task for task in expected if task.startswith("det")}


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_of_something_else_is_refused_by_its_layout(form, tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(UserError, match=r"--data must contain"):
        converted(form, tmp_path / "src", tmp_path / "out")
    assert os.listdir(tmp_path) == ["src"]
