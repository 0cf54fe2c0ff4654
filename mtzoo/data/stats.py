"""How much of what there is: images, objects by class and size, pixels by class."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from mtzoo.data.dataset import read_arrays
from mtzoo.data.groups import Record, build_groups
from mtzoo.data.sources import TaskData
from mtzoo.structures import IGNORE, Boxes

SIZES = ("small", "medium", "large", "ignore")
SIZE_EDGES = (32**2, 96**2)
"""Areas in original pixels at which COCO's small ends and its large begins."""


@dataclass
class DataStats:
    """images: of all folders, each once; labelled: task -> images with labels of it.

    objects: detection task -> (K, 4) int64, boxes by class and SIZES; pixels: segmentation task -> (K + 1,) int64, pixels by
    class, those to ignore last; known: detection task -> (K,) int64, images in which the class is labelled: elsewhere no
    object of it says nothing.
    """

    images: int = 0
    labelled: dict[str, int] = field(default_factory=dict)
    objects: dict[str, np.ndarray] = field(default_factory=dict)
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    known: dict[str, np.ndarray] = field(default_factory=dict)


def count_sources(tasks: Sequence[TaskData], on_progress: Callable[[int, int], None] | None = None,
                  workers: int | None = None) -> DataStats:
    """Count what the sources of `tasks` hold, in original pixels; every mask is decoded.

    workers: decoding threads, by default one for each core; on_progress(done, total) counts images. Raises UserError for
    the first fault of the data.
    """
    groups = build_groups(tasks)
    stats = _empty(tasks)
    records = [record for group in groups for record in group.records]
    stats.images = len(records)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for done, (record, pixels) in enumerate(zip(records, pool.map(_count_pixels, records)), start=1):
            _add(stats, record, pixels)
            if on_progress:
                on_progress(done, len(records))
    return stats


def object_sizes(boxes: Boxes, num_classes: int) -> np.ndarray:
    """(K, 4) int64: boxes by class and SIZES. An ignore region counts as such, whatever its size."""
    areas = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(axis=1)
    sizes = np.where(boxes.ignore, SIZES.index("ignore"), np.searchsorted(SIZE_EDGES, areas, side="right"))
    counts = np.zeros((num_classes, len(SIZES)), dtype=np.int64)
    np.add.at(counts, (boxes.labels, sizes), 1)
    return counts


def _empty(tasks: Sequence[TaskData]) -> DataStats:
    stats = DataStats(labelled={task.task: 0 for task in tasks})
    for task in tasks:
        if task.kind == "detection":
            stats.known[task.task] = np.zeros(len(task.classes), dtype=np.int64)
            stats.objects[task.task] = np.zeros((len(task.classes), len(SIZES)), dtype=np.int64)
        else:
            stats.pixels[task.task] = np.zeros(len(task.classes) + 1, dtype=np.int64)
    return stats


def _count_pixels(record: Record) -> dict[str, np.ndarray]:
    """task -> (256,) pixels by class id."""
    if not record.masks:
        return {}
    _, masks = read_arrays(record)
    return {task: np.bincount(mask.ravel(), minlength=256) for task, mask in masks.items()}


def _add(stats: DataStats, record: Record, pixels: dict[str, np.ndarray]) -> None:
    for task, boxes in record.boxes.items():
        stats.labelled[task] += 1
        stats.known[task] += boxes.known
        stats.objects[task] += object_sizes(boxes, len(stats.objects[task]))
    for task, counts in pixels.items():
        stats.labelled[task] += 1
        stats.pixels[task][:-1] += counts[:len(stats.pixels[task]) - 1]
        stats.pixels[task][-1] += counts[IGNORE]
