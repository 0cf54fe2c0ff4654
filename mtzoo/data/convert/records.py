"""What every format is read into: images with boxes and masks under the format's own names."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mtzoo.data.coco import OUTSIDE_TOLERANCE
from mtzoo.errors import UserError

XYXY = tuple[float, float, float, float]

Result = Literal["dropped", "ignored", "mended", "background"]
"""What became of a label that is not written as it is: "ignored" is an ignore region; "background": an image that has none."""

OUTSIDE, NO_AREA, CLIPPED, SWAPPED = "outside the image", "no area", "clipped to the image", "corners swapped"
MIN_SIDE = 0.01
"""Pixels: a thinner box has no area; the written file holds three decimals."""


@dataclass(frozen=True)
class LabelledBox:
    """name: the format's own category; xyxy: pixels, 0 is the corner of the first one; crowd: an ignore region."""

    name: str
    xyxy: XYXY
    crowd: bool = False


@dataclass(frozen=True)
class Remark:
    """A label that is not written as its file has it.

    category: the format's own, "" where it is not known; why: a few words to count by; line: file, row and value.
    """

    category: str
    why: str
    line: str
    result: Result = "dropped"


@dataclass
class LabelledImage:
    """One image and what its format says of it.

    path: the image file; name: its place in the converted images folder, with "/"; hw: (height, width) in pixels;
    boxes: None where nobody looked for objects, which is not the same as none; masks: kind -> (H, W) uint8 of the format's
    own class ids, 255 where nobody labelled; remarks: what was not taken as it is; unknown: own categories of which the image
    shows an object in a place nobody knows: no background for them; image_labels: task -> class of the whole image.
    """

    path: Path
    name: str
    hw: tuple[int, int]
    boxes: list[LabelledBox] | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    image_labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = set(self.boxes or ())

    def add_box(self, name: str, xyxy: XYXY, where: str, crowd: bool = False) -> LabelledBox | None:
        """Clip a box to the image and keep it, once; gives what is kept. What is odd about it goes to `remarks`:

        corners in the wrong order are swapped, a box outside of the image is dropped, one without area becomes an ignore region
        of at least a pixel. where: file and row, for the message. Raises UserError for NaN and infinity.
        """
        if not all(map(math.isfinite, xyxy)):
            raise UserError(f"{where}: box {list(xyxy)} of '{name}' is not finite; fix or drop it")
        x1, x2 = sorted((xyxy[0], xyxy[2]))
        y1, y2 = sorted((xyxy[1], xyxy[3]))
        if (x1, y1) != tuple(xyxy[:2]):
            self._remark(name, xyxy, where, SWAPPED, "mended")
        clipped, fault = self._clip((x1, y1, x2, y2))
        if fault == OUTSIDE:
            self._remark(name, xyxy, where, fault, "dropped")
            return None
        if fault:
            self._remark(name, xyxy, where, fault, "ignored" if fault == NO_AREA else "mended")
        box = LabelledBox(name, clipped, crowd or fault == NO_AREA)
        if box in self._kept:
            self._remark(name, xyxy, where, "there twice", "dropped")
            return None
        self._kept.add(box)
        if self.boxes is None:
            self.boxes = []
        self.boxes.append(box)
        return box

    def check_masks(self) -> None:
        """Raises UserError for a mask of another size than the image."""
        for kind, mask in self.masks.items():
            if mask.shape != self.hw:
                raise UserError(f"{self.path}: the image is {self.hw[1]}x{self.hw[0]}, its {kind} mask "
                                f"{mask.shape[1]}x{mask.shape[0]}; restore one")

    def lose(self, name: str, why: str, line: str) -> None:
        """An object of category `name` is there, but nobody can say where."""
        self.remarks.append(Remark(name, why, line))
        self.unknown.add(name)

    def _clip(self, xyxy: XYXY) -> tuple[XYXY, str]:
        """The box inside the image, and what is odd about it, or ""."""
        height, width = self.hw
        x1, y1, x2, y2 = xyxy
        flat = min(x2 - x1, y2 - y1) < MIN_SIDE
        if flat:  # the object lies there, of a size nobody knows
            x1, x2 = _at_least_a_pixel(x1, x2, width)
            y1, y2 = _at_least_a_pixel(y1, y2, height)
        clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
        if min(clipped[2] - clipped[0], clipped[3] - clipped[1]) < MIN_SIDE:
            return clipped, OUTSIDE
        overhang = max(-x1, -y1, x2 - width, y2 - height)
        return clipped, NO_AREA if flat else CLIPPED if overhang > OUTSIDE_TOLERANCE else ""

    def _remark(self, name: str, xyxy: XYXY, where: str, why: str, result: Result) -> None:
        height, width = self.hw
        line = f"{where}: box {[round(v, 2) for v in xyxy]} of '{name}' in an image of {width}x{height}: {why}"
        self.remarks.append(Remark(name, why, line, result))


def _at_least_a_pixel(low: float, high: float, side: int) -> tuple[float, float]:
    """The interval, grown to a pixel; at the image's edge, a `side`, it grows inwards."""
    low = side - 1.0 if low == side else low
    return low, max(high, low + 1)


@dataclass(frozen=True)
class Places:
    """Where a data set lies. src: its folder; annotations: the one file of its labels; images, labels: the folders of its images and of
    its label files or masks. None: to be found in `src`."""

    src: Path
    annotations: Path | None = None
    images: Path | None = None
    labels: Path | None = None


@dataclass(frozen=True)
class Strange:
    """A category that the format does not have: how many objects of it there are, and where the first one is."""

    count: int
    where: str


@dataclass(frozen=True)
class Vocabulary:
    """What a format calls things, and which class of the six tasks each of them is.

    boxes: own category -> class of a detection task, or "ignore"; a category that is not here keeps its name.
    labelled: the own categories that are labelled in every image; of a format of free names those that occur.
    masks: kind -> {own class, in the order of its ids: class of the tasks, or "ignore"}.
    strange: own categories that the format does not have; the user has to say what they are.
    image_classes: task -> classes of whole images that occur.
    tagged: images may have further classes, which are known when their labels are read.
    """

    boxes: Mapping[str, str] = field(default_factory=dict)
    labelled: tuple[str, ...] = ()
    masks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    strange: Mapping[str, Strange] = field(default_factory=dict)
    image_classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tagged: bool = False

    @property
    def boxed(self) -> bool:
        """Whether the format has boxes."""
        return bool(self.labelled)


@dataclass(frozen=True)
class Entry:
    """One image that is still to be read. path: the image, or the file of its labels; read: called in threads."""

    path: Path
    read: Callable[[], LabelledImage]

    @classmethod
    def of(cls, read: Callable[..., LabelledImage], image: Path, *labels: Any) -> "Entry":
        """Of an image whose reader takes its file first."""
        return cls(image, partial(read, image, *labels))


@dataclass(frozen=True)
class SourceSet:
    """An opened data set. splits: "train" and "val" -> entries in order; a set without a split of its own has "all".

    remarks: what was seen of the set as a whole, e.g. images that are not labelled; notes: sentences for the user about the whole set,
    each with what to do; roads_only: a set of everything: images that show none of the tasks' objects, only others, are left out.
    """

    splits: Mapping[str, Sequence[Entry]]
    vocabulary: Vocabulary
    remarks: Sequence[Remark] = ()
    notes: Sequence[str] = ()
    roads_only: bool = False


@dataclass(frozen=True)
class Format:
    """A format by name. layout: the files it is recognized by, for messages and help.

    open: where a data set lies -> SourceSet; raises UserError naming the file that is missing or wrong.
    reads: those of "annotations", "images" and "labels" that the user may name.
    class_folders: a folder is a class, so whole folders cannot be the val part.
    """

    name: str
    title: str
    layout: str
    open: Callable[[Places], SourceSet]
    reads: tuple[str, ...] = ()
    class_folders: bool = False


def published(open_folder: Callable[[Path], SourceSet]) -> Callable[[Places], SourceSet]:
    """The `open` of a format whose files lie where its publisher put them, below one folder."""
    return lambda places: open_folder(places.src)
