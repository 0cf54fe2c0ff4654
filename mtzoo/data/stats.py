"""How much of what there is: images, objects by class and size, pixels by class, images by class."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mtzoo.data.groups import Record
from mtzoo.data.sources import TaskData
from mtzoo.structures import IGNORE, Boxes
from mtzoo.task_kind import ByKind

SIZES = ("small", "medium", "large", "ignore")
SIZE_EDGES = (32**2, 96**2)
"""Areas in original pixels at which COCO's small ends and its large begins."""
BINARY = (0, 255)
"""Values of masks that paint programs and many segmentation sets write for background and object."""


@dataclass
class DataStats:
    """images: of all folders, each once; labelled: task -> images with labels of it.

    objects: detection task -> (K, 4) int64, boxes by class and SIZES; known: detection task -> (K,) int64, images in which the
    class is labelled: elsewhere no object of it says nothing; unused: boxes by category and images by label, of those that no task's
    class is.
    pixels: segmentation task -> (K + 1,) int64, pixels by class, those to ignore last; showing: (K,) int64, masks that show the
    class; values: (256,) int64, pixels by the masks' own value; ignored: (256,) bool, values that are read as no label.
    images_of: classification task -> (K,) int64, images by class.
    """

    images: int = 0
    labelled: dict[str, int] = field(default_factory=dict)
    objects: dict[str, np.ndarray] = field(default_factory=dict)
    known: dict[str, np.ndarray] = field(default_factory=dict)
    unused: Counter[str] = field(default_factory=Counter)
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    showing: dict[str, np.ndarray] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    ignored: dict[str, np.ndarray] = field(default_factory=dict)
    images_of: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Sequence[TaskData]) -> "DataStats":
        """Nothing counted yet."""
        stats = cls(labelled={task.task: 0 for task in tasks})
        for task in tasks:
            _PREPARE[task.kind](stats, task.task, len(task.classes))
        return stats

    def _prepare_objects(self, task: str, classes: int) -> None:
        self.known[task] = np.zeros(classes, dtype=np.int64)
        self.objects[task] = np.zeros((classes, len(SIZES)), dtype=np.int64)

    def _prepare_pixels(self, task: str, classes: int) -> None:
        self.pixels[task] = np.zeros(classes + 1, dtype=np.int64)
        self.showing[task] = np.zeros(classes, dtype=np.int64)
        self.values[task] = np.zeros(256, dtype=np.int64)
        self.ignored[task] = np.zeros(256, dtype=bool)

    def _prepare_images(self, task: str, classes: int) -> None:
        self.images_of[task] = np.zeros(classes, dtype=np.int64)

    def add(self, record: Record, values: Mapping[Path, np.ndarray]) -> None:
        """Count one image. values: (256,) pixels by value of each of its masks that could be read."""
        self.images += 1
        for task, boxes in record.boxes.items():
            self.labelled[task] += 1
            self.known[task] += boxes.known
            self.objects[task] += object_sizes(boxes, len(self.objects[task]))
        for task, file in record.masks.items():
            if file.path in values:
                self._add_mask(task, values[file.path], file.table)
        for task, label in record.image_labels.items():
            self.labelled[task] += 1
            self.images_of[task][label] += 1

    def _add_mask(self, task: str, values: np.ndarray, table: np.ndarray) -> None:
        counts = np.zeros(256, dtype=np.int64)
        np.add.at(counts, table, values)
        classes = len(self.showing[task])
        self.labelled[task] += 1
        self.pixels[task][:-1] += counts[:classes]
        self.pixels[task][-1] += counts[IGNORE]
        self.showing[task] += counts[:classes] > 0
        self.values[task] += values
        self.ignored[task] |= table == IGNORE


_PREPARE: ByKind[Callable[[DataStats, str, int], None]] = ByKind({
    "detection": DataStats._prepare_objects, "segmentation": DataStats._prepare_pixels,
    "classification": DataStats._prepare_images})
"""(stats, task, number of its classes): counts of 0."""


def object_sizes(boxes: Boxes, num_classes: int) -> np.ndarray:
    """(K, 4) int64: boxes by class and SIZES. An ignore region counts as such, whatever its size."""
    areas = (boxes.xyxy[:, 2:] - boxes.xyxy[:, :2]).prod(axis=1)
    sizes = np.where(boxes.ignore, SIZES.index("ignore"), np.searchsorted(SIZE_EDGES, areas, side="right"))
    counts = np.zeros((num_classes, len(SIZES)), dtype=np.int64)
    np.add.at(counts, (boxes.labels, sizes), 1)
    return counts


def classes_without_labels(stats: DataStats, classes: Mapping[str, Sequence[str]]) -> list[str]:
    """A line for each class that nothing is labelled as, with what may be the reason. classes: task -> its classes."""
    lines = []
    for task, counts in stats.objects.items():
        for name, known, row in zip(classes[task], stats.known[task], counts):
            if row[:-1].sum():
                continue
            ignored = f"; all {row[-1]} boxes are ignore regions (iscrowd, or an 'ignore' category)" if row[-1] else ""
            nobody = "; no image of any source is labelled for it" if not known else ""
            lines.append(f"task '{task}': not one object of '{name}'{ignored}{nobody}")
    for task, counts in stats.pixels.items():
        absent = [name for name, count in zip(classes[task], counts) if not count]
        if absent:
            names = ", ".join(f"'{name}'" for name in absent)
            lines.append(f"task '{task}': not one pixel of {names}{_value_hint(stats, task, classes[task], counts)}")
    for task, counts in stats.images_of.items():
        lines += [f"task '{task}': not one image of '{name}'" for name, count in zip(classes[task], counts) if not count]
    return lines


def _value_hint(stats: DataStats, task: str, names: Sequence[str], counts: np.ndarray) -> str:
    """What the masks hold instead, where values that are ignored may be the reason."""
    present = stats.values[task] > 0
    ignored = np.flatnonzero(present & stats.ignored[task]).tolist()
    if not ignored:
        return ""
    share = 100 * counts[-1] / stats.values[task].sum()
    hint = f"; {share:.1f} % of the pixels are ignored (mask value {', '.join(map(str, ignored))})"
    if len(names) == len(BINARY) and set(np.flatnonzero(present).tolist()) <= set(BINARY):
        hint += f": if {BINARY[1]} is '{names[1]}', set label_map={{{BINARY[0]}: 0, {BINARY[1]}: 1}} in the source"
    return hint
