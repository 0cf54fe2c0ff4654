"""Kinds of tasks: what each one is, in names and numbers. What a part of mtzoo does for each kind stands there, in a `ByKind`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from mtzoo.errors import UserError, did_you_mean, shown

T = TypeVar("T")


@dataclass(frozen=True)
class TaskKind:
    """What every part of mtzoo may want to know of a kind of task.

    name: as configs and deploy models write it; answer: what it gives, in a word or two; head: an example of a node that is its head;
    loss: the registered loss that a config for a new user names; decoder_key: the key of a task's config for its post-processing, None
    where nothing of it can be chosen; most_classes: of a task; metrics: that are one number of a task, the first one judges
    validations; class_metrics: those that each class has; main_metric: what a delivery is judged by, in percent; original_pixels:
    whether its answers are in pixels of the original image, whose size the deploy model then has to read.
    """

    name: str
    answer: str
    head: str
    loss: str
    decoder_key: str | None
    most_classes: int
    metrics: tuple[str, ...]
    class_metrics: tuple[str, ...]
    main_metric: str
    original_pixels: bool = False


KINDS: dict[str, TaskKind] = {kind.name: kind for kind in (
    TaskKind("detection", answer="boxes", head="PerLocationDetectionHead", loss="DetectionLoss", decoder_key="boxes",
             most_classes=4096, metrics=("AP", "AP50"), class_metrics=("AP", "AP50"), main_metric="AP50", original_pixels=True),
    TaskKind("segmentation", answer="label map", head="DenseSegmentationHead", loss="SegmentationLoss", decoder_key="labels",
             most_classes=255,  # 255 in a mask is no class
             metrics=("mIoU", "pixel_accuracy"), class_metrics=("IoU",), main_metric="mIoU"),
    TaskKind("classification", answer="class of the image", head="ClassificationHead", loss="ClassificationLoss",
             decoder_key="image_label", most_classes=4096, metrics=("top1", "balanced_accuracy"), class_metrics=("top1",),
             main_metric="top1"),
)}


def task_kind(name: object) -> TaskKind:
    """The kind of that name. Raises UserError if there is none."""
    if not isinstance(name, str) or name not in KINDS:
        raise UserError(f"kind={shown(name)}: no such kind of task{did_you_mean(str(name), KINDS)}")
    return KINDS[name]


class ByKind(Mapping[str, T]):
    """What one part of mtzoo does for each kind of task: a table with an entry for every kind.

    Asking it for a kind that does not exist raises UserError.
    """

    def __init__(self, entries: Mapping[str, T]) -> None:
        """Raises ValueError, when the module is imported, for a table that lacks a kind or names one that does not exist."""
        if differing := sorted(entries.keys() ^ KINDS.keys()):
            raise ValueError(f"a table by kind of task and KINDS differ in {', '.join(differing)}: give each kind its entry")
        self._entries = dict(entries)

    def __getitem__(self, kind: str) -> T:
        return self._entries[task_kind(kind).name]

    def __contains__(self, kind: object) -> bool:
        return kind in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
