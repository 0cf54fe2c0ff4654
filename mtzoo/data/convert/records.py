"""What every format is read into: images with boxes and masks under the format's own names."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mtzoo.errors import UserError

XYXY = tuple[float, float, float, float]


@dataclass(frozen=True)
class LabelledBox:
    """name: the format's own category; xyxy: pixels, 0 is the corner of the first one; crowd: an ignore region."""

    name: str
    xyxy: XYXY
    crowd: bool = False


@dataclass
class LabelledImage:
    """One image and what its format says of it.

    path: the image file; name: its place in the converted images folder, with "/"; hw: (height, width) in pixels;
    boxes: None where nobody looked for objects, which is not the same as none; masks: kind -> (H, W) uint8 of the format's
    own class ids, 255 where nobody labelled; left_out: a line for each label that cannot be used.
    """

    path: Path
    name: str
    hw: tuple[int, int]
    boxes: list[LabelledBox] | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add_box(self, name: str, xyxy: XYXY, where: str, crowd: bool = False) -> None:
        """Clip a box to the image and keep it; one of which no area is left goes to `left_out`.

        where: file and row, for the message. Raises UserError for NaN and infinity.
        """
        if not all(map(math.isfinite, xyxy)):
            raise UserError(f"{where}: box {list(xyxy)} of '{name}' is not finite; mend or drop it")
        height, width = self.hw
        x1, y1, x2, y2 = xyxy
        clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
        if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
            self.left_out.append(f"{where}: box {[round(v, 2) for v in xyxy]} of '{name}' has no area inside the image "
                                 f"({width}x{height})")
            return
        if self.boxes is None:
            self.boxes = []
        self.boxes.append(LabelledBox(name, clipped, crowd))


@dataclass(frozen=True)
class Vocabulary:
    """What a format calls things, and which class of the six tasks each of them is.

    boxes: own category -> class of a detection task, or "ignore"; a category that is not here keeps its name.
    labelled: the own categories that are labelled in every image; None: those that occur (a format of free names).
    masks: kind -> {own class, in the order of its ids: class of the tasks, or "ignore"}.
    """

    boxes: Mapping[str, str] = field(default_factory=dict)
    labelled: tuple[str, ...] | None = ()
    masks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


Entry = Callable[[], LabelledImage]
"""Reads the labels of one image when called; called in threads."""


@dataclass(frozen=True)
class SourceSet:
    """An opened data set. splits: "train" and "val" -> entries in order; a set without a split of its own has "all"."""

    splits: Mapping[str, Sequence[Entry]]
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Format:
    """A format by name. layout: the files it is recognized by, for messages and help.

    open: data set folder -> SourceSet; raises UserError naming the file that is missing or wrong.
    roads_only: a set of everything: images that show none of the tasks' objects, only others, are left out.
    """

    name: str
    title: str
    layout: str
    open: Callable[[Path], SourceSet]
    roads_only: bool = False
