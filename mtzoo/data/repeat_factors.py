"""How often an image comes in an epoch so that classes in few images are seen: repeat factor sampling (LVIS, arXiv 1908.03195)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mtzoo.data.groups import Group, Record
from mtzoo.data.images import decode_mask, read_bytes
from mtzoo.data.sources import TaskData
from mtzoo.errors import UserError
from mtzoo.machine import cores


@dataclass(frozen=True)
class RepeatFactors:
    """images: of each group (n,) float64, 1 or more; classes: task -> class -> (share of the task's images that have it, its factor),
    of those that are rarer than the task's `oversample_thr`."""

    images: list[np.ndarray]
    classes: dict[str, dict[str, tuple[float, float]]]


def repeat_factors(groups: Sequence[Group], tasks: Sequence[TaskData]) -> RepeatFactors | None:
    """A class in a share f of a task's images has the factor max(1, sqrt(oversample_thr / f)), an image the largest of its classes,
    over all tasks; None if no task has `oversample_thr`.

    Shares are those of an epoch, weights of sources included: over all sources of a task, whether they label the class or not. Masks of
    such tasks are read once; one that cannot be read has no class.
    """
    wanted = {task.task: task for task in tasks if task.oversample_thr is not None}
    if not wanted:
        return None
    present = [_classes_of(group.records, wanted) for group in groups]
    factors, classes = [np.ones(len(group.records)) for group in groups], {}
    for name, task in wanted.items():
        labelled = sum(group.weight * found[name].any(axis=1).sum() for group, found in zip(groups, present))
        seen = sum(group.weight * found[name][:, :-1].sum(axis=0) for group, found in zip(groups, present))  # (K,)
        share = seen / max(labelled, np.finfo(float).tiny)
        factor = np.sqrt(task.oversample_thr / np.maximum(share, np.finfo(float).tiny)).clip(min=1)
        for own, found in zip(factors, present):
            np.maximum(own, np.where(found[name][:, :-1], factor, 1).max(axis=1), out=own)
        classes[name] = {task.classes[k]: (float(share[k]), float(factor[k])) for k in np.flatnonzero((factor > 1) & (seen > 0))}
    return RepeatFactors(factors, classes)


def _classes_of(records: Sequence[Record], tasks: Mapping[str, TaskData]) -> dict[str, np.ndarray]:
    """Task -> (n, K + 1) bool: the classes that each image has; the last column, whether it is labelled for the task."""
    found = {name: np.zeros((len(records), len(task.classes) + 1), dtype=bool) for name, task in tasks.items()}
    with ThreadPoolExecutor(cores()) as pool:
        for row, values in enumerate(pool.map(lambda record: _mask_values(record, tasks), records)):
            record = records[row]
            for name in tasks:
                if (boxes := record.boxes.get(name)) is not None:
                    found[name][row, [*boxes.labels[~boxes.ignore], -1]] = True
                elif name in values:
                    labels = record.masks[name].table[values[name]]
                    found[name][row, [*labels[labels < len(tasks[name].classes)], -1]] = True
                elif name in record.image_labels:
                    found[name][row, [record.image_labels[name], -1]] = True
    return found


def _mask_values(record: Record, tasks: Mapping[str, TaskData]) -> dict[str, np.ndarray]:
    """Task -> the values that its mask holds."""
    try:
        masks = {file.path: decode_mask(read_bytes(file.path), file.path) for name, file in record.masks.items() if name in tasks}
    except UserError:  # told when the image's turn comes
        return {}
    return {name: np.flatnonzero(np.bincount(masks[file.path].ravel(), minlength=256))
            for name, file in record.masks.items() if name in tasks}
