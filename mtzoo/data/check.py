"""Every fault of the data in one pass: label files, then each image and mask decoded."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mtzoo.data.groups import Record, collect_groups
from mtzoo.data.images import UNMAPPED, image_size_problem, mask_size_problem, read_image, read_mask, unmapped_message
from mtzoo.data.sources import Fault, TaskData
from mtzoo.errors import UserError


def check_sources(tasks: Sequence[TaskData], on_progress: Callable[[int, int], None] | None = None,
                  workers: int | None = None) -> list[Fault]:
    """All faults of all tasks' sources, none twice, label files first.

    Nothing is written, except synthetic scenes that are not rendered yet. workers: decoding threads, by default one for
    each core; on_progress(done, total) counts images.
    """
    groups, faults = collect_groups(tasks)
    records = [record for group in groups for record in group.records]
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for done, found in enumerate(pool.map(check_record, records), start=1):
            faults += found
            if on_progress:
                on_progress(done, len(records))
    return list(dict.fromkeys(faults))


def check_record(record: Record) -> list[Fault]:
    """The faults of one image and its masks."""
    image_hw, faults = _decoded_hw(record)
    for path in dict.fromkeys(file.path for file in record.masks.values()):
        try:
            mask = read_mask(path)
        except UserError as error:
            faults.append(_file_fault(path, error))
            continue
        if image_hw is not None and (problem := mask_size_problem(record.path, image_hw, mask.shape)):
            faults.append(Fault(str(path), "", problem))
        present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
        for file in record.masks.values():
            if file.path == path and (file.table[present] == UNMAPPED).any():
                faults.append(Fault(str(path), "", unmapped_message(mask, file.table, file.source)))
    return faults


def _decoded_hw(record: Record) -> tuple[tuple[int, int] | None, list[Fault]]:
    try:
        hw = read_image(record.path).shape[:2]
    except UserError as error:
        return None, [_file_fault(record.path, error)]
    problem = image_size_problem(record.path, hw, record.hw)
    return hw, [Fault(str(record.path), "", problem)] if problem else []


def _file_fault(path: Path, error: UserError) -> Fault:
    return Fault(str(path), "", str(error).removeprefix(f"{path}: "))
