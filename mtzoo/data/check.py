"""Every fault of the data in one pass: label files, then each image and mask decoded; and how much of each class there is."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.data.coco import load_coco, map_categories
from mtzoo.data.groups import Record, as_files, collect_groups
from mtzoo.data.image_labels import read_image_labels
from mtzoo.data.images import (
    UNMAPPED,
    fit_mask,
    image_size_problem,
    mask_size_problem,
    read_image,
    read_mask,
    unmapped_message,
)
from mtzoo.data.masks import images_without_mask
from mtzoo.data.shared_images import shared_images
from mtzoo.data.sources import CocoBoxes, Fault, ImageFolder, LabelList, MaskFolder, TaskData, expand_path
from mtzoo.data.stats import DataStats
from mtzoo.errors import UserError

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Checked:
    """faults: none twice, label files first; stats: counts of what could be read; images: task -> images with a label of it."""

    faults: list[Fault]
    stats: DataStats
    images: Mapping[str, Collection[Path]]


def check_sources(tasks: Sequence[TaskData], on_progress: OnProgress | None = None, workers: int | None = None) -> Checked:
    """All faults of all tasks' sources, and what they hold, in original pixels; every image and mask is decoded.

    Nothing is written, except synthetic scenes that are not rendered yet. workers: decoding threads, by default one for
    each core; on_progress(done, total) counts images.
    """
    groups, faults = collect_groups(tasks)
    records = [record for group in groups for record in group.records]
    stats = DataStats.of(tasks)
    stats.unused.update(_unused_categories(tasks))
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for done, (record, (found, values)) in enumerate(zip(records, pool.map(check_record, records)), start=1):
            faults += found
            stats.add(record, values)
            if on_progress:
                on_progress(done, len(records))
    images = {task.task: [record.path for record in records if task.task in record.tasks] for task in tasks}
    return Checked(list(dict.fromkeys(faults)), stats, images)


def count_sources(tasks: Sequence[TaskData], on_progress: OnProgress | None = None, workers: int | None = None) -> DataStats:
    """What the sources hold. Raises UserError for the first fault of the data, with the count of the others."""
    checked = check_sources(tasks, on_progress, workers)
    if checked.faults:
        more = f" (and {len(checked.faults) - 1} more; `mtzoo data check` lists them)" if len(checked.faults) > 1 else ""
        raise UserError(f"{checked.faults[0]}{more}")
    return checked.stats


def images_of_both(train: Checked, val: Checked) -> list[str]:
    """A line for each task some of whose images of val are images of train, too."""
    told = {task: shared_images(train.images[task], images) for task, images in val.images.items()}
    return [f"task '{task}': {line}" for task, line in told.items() if line]


def unlabelled_images(tasks: Sequence[TaskData]) -> dict[str, list[str]]:
    """Name of a folder of masks -> images of it without a mask, where there are any. Folders that are not there have none: that is a
    fault of `check_sources`."""
    found: dict[str, list[str]] = {}
    for source in (source for task in tasks for source in task.sources if isinstance(source, MaskFolder)):
        with suppress(UserError):
            if files := images_without_mask(source):
                found[source.name] = files
    return found


def check_record(record: Record) -> tuple[list[Fault], dict[Path, np.ndarray]]:
    """The faults of one image and its masks, and (256,) pixels by value of each mask that can be read."""
    image_hw, faults = _decoded_hw(record)
    values: dict[Path, np.ndarray] = {}
    for path in dict.fromkeys(file.path for file in record.masks.values()):
        files = [file for file in record.masks.values() if file.path == path]
        try:
            mask = read_mask(path)
        except UserError as error:
            faults.append(_file_fault(path, error))
            continue
        if image_hw is not None:
            problems = [mask_size_problem(record.path, image_hw, mask.shape, file.resized) for file in files]
            faults += [Fault(str(path), "", problem) for problem in problems if problem]
            mask = mask if any(problems) else fit_mask(mask, image_hw)
        values[path] = np.bincount(mask.ravel(), minlength=256)
        faults += [Fault(str(path), "", unmapped_message(mask, file.table, file.source)) for file in files
                   if (file.table[values[path] > 0] == UNMAPPED).any()]
    return faults, values


def _unused_categories(tasks: Sequence[TaskData]) -> Counter[str]:
    """Boxes by category, of the categories of COCO files that no class of any task is, and images by label likewise."""
    wanted: dict[Path, set[int]] = {}
    unused: Counter[str] = Counter()
    for task in tasks:
        for source in task.sources:
            with suppress(UserError):  # told as a fault by whoever reads the source
                reader = as_files(source, task)
                if isinstance(reader, CocoBoxes):
                    path = expand_path(reader.annotations)
                    mapping = map_categories(reader, load_coco(path).categories, task.task, task.classes)
                    wanted.setdefault(path, set()).update(mapping.target)
                elif isinstance(reader, ImageFolder | LabelList):
                    unused.update(read_image_labels(reader, task.task, task.classes)[0].unused)
    for path, used in wanted.items():
        coco = load_coco(path)
        unused.update(coco.categories[box[0]] for image in coco.images.values() for box in image.boxes if box[0] not in used)
    return unused


def _decoded_hw(record: Record) -> tuple[tuple[int, int] | None, list[Fault]]:
    try:
        hw = read_image(record.path).shape[:2]
    except UserError as error:
        return None, [_file_fault(record.path, error)]
    problem = image_size_problem(record.path, hw, record.hw)
    return hw, [Fault(str(record.path), "", problem)] if problem else []


def _file_fault(path: Path, error: UserError) -> Fault:
    return Fault(str(path), "", str(error).removeprefix(f"{path}: "))
