"""All tasks' sources -> groups of records by images folder, so that one loaded image serves every task it has labels for."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.coco import read_coco_boxes
from mtzoo.data.folder_files import list_files
from mtzoo.data.image_labels import read_image_labels
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.mask_list import read_mask_list
from mtzoo.data.masks import MaskFile, read_mask_folder
from mtzoo.data.names import leaving_links, link_problem
from mtzoo.data.rendered import ensure_rendered
from mtzoo.data.sources import (
    CocoBoxes,
    Fault,
    Files,
    ImageFolder,
    LabelList,
    MaskFolder,
    MaskList,
    SceneLabels,
    Source,
    SyntheticScenes,
    TaskData,
    UnlabelledImages,
    check_source_kind,
    expand_path,
)
from mtzoo.errors import UserError
from mtzoo.structures import Boxes
from mtzoo.task_kind import ByKind


@dataclass
class Record:
    """One image file and where its labels are. hw: its size as the annotations say, if they do."""

    path: Path
    source: str
    hw: tuple[int, int] | None = None
    boxes: dict[str, Boxes] = field(default_factory=dict)
    masks: dict[str, MaskFile] = field(default_factory=dict)
    image_labels: dict[str, int] = field(default_factory=dict)

    @property
    def tasks(self) -> set[str]:
        """Those that it has a label of."""
        return {*self.boxes, *self.masks, *self.image_labels}


@dataclass(frozen=True)
class Group:
    """The images of one folder. name: its first source's; sources: task -> names of its sources here."""

    images: Path
    name: str
    weight: float
    sources: dict[str, str]
    records: list[Record]


def build_groups(tasks: Sequence[TaskData]) -> list[Group]:
    """Read all label files. Raises UserError for the first fault, with the count of the others."""
    groups, faults = collect_groups(tasks)
    if faults:
        more = f" (and {len(faults) - 1} more; `mtzoo data check` lists them)" if len(faults) > 1 else ""
        raise UserError(f"{faults[0]}{more}")
    return groups


def collect_groups(tasks: Sequence[TaskData]) -> tuple[list[Group], list[Fault]]:
    """The groups in the order of their first source, and every fault found without opening an image."""
    by_folder: dict[Path, list[tuple[TaskData, Files]]] = {}
    faults: list[Fault] = []
    for task in tasks:
        for source in task.sources:
            try:
                reader = as_files(source, task)
                by_folder.setdefault(images_folder(reader), []).append((task, reader))
            except UserError as error:
                faults.append(Fault("", "", str(error)))
    groups = [_build_group(folder, members, faults) for folder, members in by_folder.items()]
    return [group for group in groups if group.records], list(dict.fromkeys(faults))


def as_files(source: Source, task: TaskData) -> Files:
    """The source as a reader of files on disk; synthetic scenes are rendered if they are not there yet."""
    check_source_kind(source, task.kind, f"task '{task.task}'")
    return ensure_rendered(source) if isinstance(source, SyntheticScenes) else source


def images_folder(source: Files) -> Path:
    """The resolved images folder. Raises UserError if there is none."""
    folder = expand_path(source.images)
    if not folder.is_dir():
        raise UserError(f"source '{source.name}': no images folder {folder}; check its path")
    return folder.resolve()


def _build_group(folder: Path, members: list[tuple[TaskData, Files]], faults: list[Fault]) -> Group:
    name = members[0][1].name
    records: dict[str, Record] = {}
    names: dict[str, str] = {}
    for task, source in members:
        try:
            add = _add_images if isinstance(source, UnlabelledImages) else _ADD[source.KIND]
            count, found = add(records, folder, name, task, source)
        except UserError as error:
            faults.append(Fault("", "", str(error)))
            continue
        faults += found
        if not count:
            what = "image" if isinstance(source, UnlabelledImages) else "labelled image"
            faults.append(Fault(str(folder), "", f"source '{source.name}' of task '{task.task}' is empty: no {what}; check its paths"))
        names[task.task] = f"{names[task.task]}+{source.name}" if task.task in names else source.name
    weight = max(source.weight for _, source in members)
    leaving = {} if all(source.follow_links for _, source in members) else leaving_links(folder, records)
    return Group(folder, name, weight, names, _existing(records, leaving, faults))


def _existing(records: dict[str, Record], leaving: dict[str, Path], faults: list[Fault]) -> list[Record]:
    kept = []
    for file, record in sorted(records.items()):
        if file in leaving:
            faults.append(Fault(str(record.path), "", link_problem(leaving[file])))
        elif os.path.isfile(record.path):  # false too for names that no file system takes
            kept.append(record)
        else:
            faults.append(Fault(str(record.path), "", "no such image file; restore it or drop it from the annotations"))
    return kept


def _add_images(records: dict[str, Record], folder: Path, name: str, task: TaskData,
                source: UnlabelledImages) -> tuple[int, list[Fault]]:
    files, faults = list_files(folder, IMAGE_SUFFIXES, source.name)
    for file in files:
        records.setdefault(file, Record(folder / file, name))
    return len(files), faults


def _add_boxes(records: dict[str, Record], folder: Path, name: str, task: TaskData, source: CocoBoxes) -> tuple[int, list[Fault]]:
    images, faults = read_coco_boxes(source, task.task, task.classes)
    for file, (hw, boxes) in images.items():
        record = records.setdefault(file, Record(folder / file, name))
        if record.hw not in (None, hw):
            faults.append(Fault(source.annotations, file, f"is {hw[1]}x{hw[0]} here, {record.hw[1]}x{record.hw[0]} in another "
                                                          "annotation file of the same folder; fix one of them"))
        record.hw = hw
        other = record.boxes.get(task.task)
        record.boxes[task.task] = boxes if other is None else merge_boxes(other, boxes)
    return len(images), faults


def _add_masks(records: dict[str, Record], folder: Path, name: str, task: TaskData,
               source: MaskFolder | MaskList) -> tuple[int, list[Fault]]:
    read = read_mask_folder if isinstance(source, MaskFolder) else read_mask_list
    masks, faults = read(source, task.task, task.classes)
    for file, mask in masks.items():
        record = records.setdefault(file, Record(folder / file, name))
        other = record.masks.get(task.task)
        if other is not None:
            faults.append(Fault(str(mask.path), "", f"a second mask of this image for task '{task.task}', after {other.path}; "
                                                    "keep one source"))
        record.masks[task.task] = mask
    return len(masks), faults


def _add_image_labels(records: dict[str, Record], folder: Path, name: str, task: TaskData,
                      source: ImageFolder | LabelList | SceneLabels) -> tuple[int, list[Fault]]:
    found, faults = read_image_labels(source, task.task, task.classes)
    for file, label in found.labels.items():
        record = records.setdefault(file, Record(folder / file, name))
        if record.image_labels.get(task.task, label) != label:
            faults.append(Fault(str(record.path), "", f"source '{source.name}' gives it another label for task '{task.task}' than a "
                                                      "source before; keep one"))
        record.image_labels[task.task] = label
    return len(found.labels), faults


Add = Callable[[dict[str, Record], Path, str, TaskData, Any], tuple[int, list[Fault]]]
"""(records by image file, which it adds labels to; their folder; name of its group; task; source) -> (its images, faults)."""
_ADD: ByKind[Add] = ByKind({"detection": _add_boxes, "segmentation": _add_masks, "classification": _add_image_labels})


def merge_boxes(first: Boxes, second: Boxes) -> Boxes:
    """Labels of one image from two annotation files: all boxes, and the classes that either knows."""
    return Boxes(np.concatenate([first.xyxy, second.xyxy]), np.concatenate([first.labels, second.labels]),
                 np.concatenate([first.ignore, second.ignore]), first.known | second.known)
