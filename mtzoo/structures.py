"""The shape vocabulary: what flows between packages.

N batch, C channels, H W height and width, L levels, K classes, G ground truths, D detections.
Boxes are `xyxy` in pixels of the image they belong to. Images are uint8, BGR.
Label maps and masks are uint8; `IGNORE` marks pixels nobody labelled. An image label is the class of a whole image.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:  # a deploy model's answers hold no tensor, and torch takes seconds to import
    import torch
    from torch import Tensor

MAX_PIXELS = 40_000_000
"""Of an image that is read, and of a network's input: larger ones are faults or attacks, and fill the memory."""
IGNORE = 255
NO_LABEL = -1
"""In place of an image label."""
Xyxy = tuple[float, float, float, float]
T = TypeVar("T")


class FeatureSpec(NamedTuple):
    """Channels and stride (in input pixels) of one feature map; flows backbone -> neck -> head.

    name: how other nodes name it ("backbone.mod3"), unique in its node.
    """

    channels: int
    stride: int
    name: str


@dataclass
class Boxes:
    """Ground truth of one detection task in one image.

    xyxy: (G, 4) float32; labels: (G,) int64, index into the task's classes; ignore: (G,) bool, crowd or ignore regions;
    known: (K,) bool, which classes the image's source labels at all. An unlabelled class is not background.
    """

    xyxy: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    known: np.ndarray


class BadImage(NamedTuple):
    """An image that could not be read, or not with its labels. fault: which file is at fault, why, and what to do."""

    path: Path
    fault: str


@dataclass
class Sample:
    """One image with what is known about it. Tasks absent from `boxes`, `masks` and `image_labels` are not labelled here.

    image: (H, W, 3) uint8 BGR; affine: (2, 3) float64, original pixels -> image pixels (continuous coordinates: the
    corner of the first pixel is 0); masks: task -> (H, W) uint8; skipped: bad images whose place it takes; image_labels: task -> class.
    """

    image: np.ndarray
    path: Path
    source: str
    original_hw: tuple[int, int]
    affine: np.ndarray
    boxes: dict[str, Boxes] = field(default_factory=dict)
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: tuple[BadImage, ...] = ()
    image_labels: dict[str, int] = field(default_factory=dict)

    @property
    def labelled(self) -> set[str]:
        """Tasks that it has labels of."""
        return {*self.boxes, *self.masks, *self.image_labels}

    def of_task(self, task: str) -> "Sample":
        """The same with the labels of one task alone."""
        boxes, masks, image_labels = (own_task(labels, task) for labels in (self.boxes, self.masks, self.image_labels))
        return replace(self, boxes=boxes, masks=masks, image_labels=image_labels)


@dataclass
class Batch:
    """Collated samples of one input size.

    images: (N, 3, H, W) uint8 BGR; affines: (N, 2, 3) float64; boxes: task -> N entries, None where not labelled;
    masks: task -> (N, H, W) uint8, all IGNORE where not labelled; skipped: bad images that others have replaced here; image_labels:
    task -> (N,) int64, NO_LABEL where not labelled; labelled: task -> indices of the samples that carry its labels, found where the
    batch is made: on a GPU that would be a wait.
    """

    images: "Tensor"
    affines: np.ndarray
    original_hws: list[tuple[int, int]]
    paths: list[Path]
    sources: list[str]
    boxes: dict[str, list[Boxes | None]]
    masks: dict[str, "Tensor"]
    skipped: tuple[BadImage, ...] = ()
    image_labels: dict[str, "Tensor"] = field(default_factory=dict)
    labelled: dict[str, list[int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = {task: [n for n, entry in enumerate(entries) if entry is not None] for task, entries in self.boxes.items()}
        for task, masks in self.masks.items():
            rows[task] = (masks != IGNORE).flatten(1).any(dim=1).nonzero().flatten().tolist()
        for task, labels in self.image_labels.items():
            rows[task] = (labels != NO_LABEL).nonzero().flatten().tolist()
        self.labelled = rows

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: "torch.device") -> "Batch":
        """The same batch with images, masks and image labels on `device`; boxes stay in host memory until targets need them."""
        moved = copy(self)
        moved.images = self.images.to(device, non_blocking=True)
        moved.masks = {task: masks.to(device, non_blocking=True) for task, masks in self.masks.items()}
        moved.image_labels = {task: labels.to(device, non_blocking=True) for task, labels in self.image_labels.items()}
        return moved


class Detections(NamedTuple):
    """Boxes of one task, by falling score.

    Attributes:
        boxes: (D, 4) float32 xyxy in pixels.
        scores: (D,) float32, 0 to 1.
        labels: (D,) int64 class ids.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


class Classification(NamedTuple):
    """The class of a whole image.

    Attributes:
        label: The class id.
        probabilities: (K,) float32, one for each class.
    """

    label: int
    probabilities: np.ndarray

    @property
    def score(self) -> float:
        """The probability of `label`, 0 to 1."""
        return float(self.probabilities[self.label])


class DistinctRows(NamedTuple):
    """A label map of cells larger than a pixel, each of its rows once: what is done to `rows` need not be done to every pixel.

    rows: (n, W) uint8; index: (H,) int64, which of them the original's row y shows.
    """

    rows: np.ndarray
    index: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether these are all rows of the original, one after another."""
        return len(self.rows) == len(self.index) and bool((np.diff(self.index) == 1).all())

    def enlarged(self) -> np.ndarray:
        """(H, W) uint8; `rows` itself where they are whole."""
        return self.rows if self.whole else self.rows.take(self.index, axis=0)

    def in_order(self) -> "DistinctRows":
        """The same map, its rows as they follow one another from the top: `index` never falls, and leaves none out."""
        if self.whole:
            return self
        starts = np.diff(self.index, prepend=-1) != 0
        return DistinctRows(self.rows.take(self.index[starts], axis=0), np.cumsum(starts) - 1)


class Enlargeable(Protocol):
    """A label map that has not its original's size yet: `mtzoo.ops.label_maps.SmallLabelMap`, or two that are merged."""

    def distinct_rows(self, unseen: int = 0) -> DistinctRows:
        """The map in the original's columns, without the rows that repeat. unseen: the label of pixels that no network was shown."""


def distinct_rows(label_map: "np.ndarray | Enlargeable", unseen: int = 0) -> DistinctRows:
    """Of a small map its own; an array of the original size (H, W) is taken as it is, row by row."""
    if isinstance(label_map, np.ndarray):
        return DistinctRows(label_map, np.arange(len(label_map)))
    return label_map.distinct_rows(unseen)


class LabelMaps(MutableMapping[str, np.ndarray]):
    """Segmentation task -> (H, W) uint8 of the original size. A small map is enlarged when it is first read, and then kept.

    `sources` holds the maps as they were put in: arrays of the original size, or small maps.
    """

    def __init__(self, maps: Mapping[str, np.ndarray | Enlargeable] = MappingProxyType({})) -> None:
        self._sources = dict(maps.sources if isinstance(maps, LabelMaps) else maps)
        self._enlarged: dict[str, np.ndarray] = {}

    @property
    def sources(self) -> Mapping[str, np.ndarray | Enlargeable]:
        return MappingProxyType(self._sources)

    def __getitem__(self, task: str) -> np.ndarray:
        source = self._sources[task]
        if isinstance(source, np.ndarray):
            return source
        if task not in self._enlarged:
            self._enlarged[task] = source.distinct_rows().enlarged()
        return self._enlarged[task]

    def __setitem__(self, task: str, source: np.ndarray | Enlargeable) -> None:
        self._sources[task] = source
        self._enlarged.pop(task, None)

    def __delitem__(self, task: str) -> None:
        del self._sources[task]
        self._enlarged.pop(task, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return f"LabelMaps({', '.join(self._sources)})"


@dataclass
class Prediction:
    """What a network predicts for one image, in pixels of the original image.

    Attributes:
        detections: Detection task -> `Detections`.
        label_maps: Segmentation task -> (H, W) uint8 of class ids, of the original size. A map is enlarged when it is read first.
        classifications: Classification task -> `Classification` of the whole image.
    """

    detections: dict[str, Detections] = field(default_factory=dict)
    label_maps: LabelMaps = field(default_factory=LabelMaps)
    classifications: dict[str, Classification] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.label_maps, LabelMaps):
            self.label_maps = LabelMaps(self.label_maps)

    def of_task(self, task: str) -> "Prediction":
        """The part of one task."""
        return Prediction(own_task(self.detections, task), LabelMaps(own_task(self.label_maps.sources, task)),
                          own_task(self.classifications, task))

    def update(self, other: "Prediction") -> None:
        """Take over the tasks of another prediction of the same image. Label maps are not read."""
        self.detections.update(other.detections)
        self.label_maps.update(other.label_maps.sources)
        self.classifications.update(other.classifications)


def own_task(found: Mapping[str, T], task: str) -> dict[str, T]:
    """The entry of one task alone, if it has one."""
    return {task: found[task]} if task in found else {}


RawOutputs = dict[str, dict[str, "Tensor"]]
"""task -> output name -> (N, C, H, W). Joined with a dot ("det_person.box_s8") the names are one contract: loss keys,
distillation taps, per-head quantization and ONNX outputs use the same strings."""


def flatten_outputs(outputs: RawOutputs) -> dict[str, "Tensor"]:
    """{"det_person": {"box_s8": t}} -> {"det_person.box_s8": t}, in order."""
    return {f"{task}.{name}": value for task, maps in outputs.items() for name, value in maps.items()}
