"""What changes more of a training sample than its window and colours: each part is off unless a config names it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from mtzoo.data.warp import Warp
from mtzoo.errors import UserError, did_you_mean
from mtzoo.structures import IGNORE, Boxes, Sample


@dataclass(frozen=True)
class Erase:
    """Random erasing (arXiv 1708.04896): rectangles in one colour. Erased pixels are unlabelled.

    Attributes:
        prob: The probability for an image.
        count: The largest number of rectangles.
        area: The smallest and the largest area of a rectangle, as shares of the image.
        aspect: The largest ratio of the sides.
    """

    prob: float = 0.5
    count: int = 1
    area: tuple[float, float] = (0.02, 0.1)
    aspect: float = 3.0

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob} must be in 0..1")
        if not 0 < self.area[0] <= self.area[1] <= 0.5:
            raise UserError(f"area={self.area}: expected (low, high) with 0 < low <= high <= 0.5")
        if not 1 <= self.count <= 100 or not 1 <= self.aspect <= 100:
            raise UserError(f"count={self.count}, aspect={self.aspect}: 1 to 100 each")

    def apply(self, sample: Sample, rng: np.random.Generator, min_visible: float) -> Sample:
        """Changes image and masks in place. A box of which less than `min_visible` is left becomes an ignore region."""
        if rng.random() >= self.prob:
            return sample
        hidden = np.zeros(sample.image.shape[:2], np.uint8)
        for _ in range(int(rng.integers(1, self.count + 1))):
            top, left, bottom, right = self._rectangle(hidden.shape, rng)
            hidden[top:bottom, left:right] = 1
            sample.image[top:bottom, left:right] = rng.integers(0, 256, 3, dtype=np.uint8)
        for mask in sample.masks.values():
            mask[hidden > 0] = IGNORE
        sample.boxes = {task: ignore_hidden(boxes, hidden, min_visible) for task, boxes in sample.boxes.items()}
        return sample

    def _rectangle(self, hw: tuple[int, int], rng: np.random.Generator) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        area, aspect = hw[0] * hw[1] * rng.uniform(*self.area), np.exp(rng.uniform(-1, 1) * np.log(self.aspect))
        sides = [min(max(round(np.sqrt(area * ratio)), 1), side) for ratio, side in ((aspect, hw[0]), (1 / aspect, hw[1]))]
        top, left = (int(rng.integers(0, whole - side + 1)) for whole, side in zip(hw, sides))
        return top, left, top + sides[0], left + sides[1]


@dataclass(frozen=True)
class Mosaic:
    """Four images of a folder in one (YOLOv4, arXiv 2004.10934).

    Attributes:
        prob: The probability for an image.
        centre: The range of the point where they meet, as shares of the sides.
    """

    prob: float = 0.5
    centre: tuple[float, float] = (0.35, 0.65)

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob} must be in 0..1")
        if not 0.1 <= self.centre[0] <= self.centre[1] <= 0.9:
            raise UserError(f"centre={self.centre}: expected (low, high) with 0.1 <= low <= high <= 0.9")

    def draw(self, hw: tuple[int, int], rng: np.random.Generator) -> "list[Tile]":
        """The four tiles of an image of hw."""
        y, x = (round(side * rng.uniform(*self.centre)) for side in hw)
        return [Tile(top, left, bottom, right) for top, bottom in ((0, y), (y, hw[0])) for left, right in ((0, x), (x, hw[1]))]


class Tile(NamedTuple):
    """Where one image of a mosaic stands, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def hw(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class CopyPaste:
    """Pixels of some classes, copied from another image of the folder (arXiv 2012.07177).

    Attributes:
        prob: The probability for an image.
        classes: Segmentation task -> names of its classes, for thin ones such as poles and signs.
    """

    prob: float = 0.5
    classes: Mapping[str, tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob} must be in 0..1")
        if not self.classes or not all(self.classes.values()):
            raise UserError("classes is empty; name what to paste, e.g. classes={'seg': ['pole', 'sign']}")

    def check(self, tasks: Mapping[str, Sequence[str]], where: str) -> None:
        """Raises UserError for a task or class that there is not. tasks: segmentation task -> its classes."""
        for task, names in self.classes.items():
            if task not in tasks:
                raise UserError(f"{where}.classes.{task}: no segmentation task has this name{did_you_mean(task, tasks)}")
            for name in names:
                if name not in tasks[task]:
                    raise UserError(f"{where}.classes.{task}: it has no class '{name}'{did_you_mean(name, tasks[task])}")

    def apply(self, sample: Sample, other: Sample, classes: Mapping[str, Sequence[str]], min_visible: float) -> Sample:
        """Paste from `other`, of the same size, into image and masks of `sample` in place. classes: task -> its classes.

        The labels of all tasks come along. What `other` does not label there is not known. Its boxes of which at least `min_visible`
        has come along become ignore regions: something of what they are around can be seen.
        """
        pasted = np.zeros(sample.image.shape[:2], np.uint8)
        for task, names in self.classes.items():
            if task in sample.masks and task in other.masks:
                pasted[np.isin(other.masks[task], [classes[task].index(name) for name in names])] = 1
        if not pasted.any():
            return sample
        cv2.copyTo(other.image, pasted, sample.image)
        for task, mask in sample.masks.items():
            mask[pasted > 0] = other.masks[task][pasted > 0] if task in other.masks else IGNORE
        sample.boxes = {task: _with_pasted(ignore_hidden(boxes, pasted, min_visible), other.boxes[task], pasted, min_visible)
                        for task, boxes in sample.boxes.items() if task in other.boxes}
        return sample


@dataclass(frozen=True)
class MixUp:
    """A blend with another image of the folder; the boxes of both count (YOLOX, arXiv 2107.08430).

    Attributes:
        prob: The probability for an image.
        share: The range of the first image's share in the pixels.
    """

    prob: float = 0.5
    share: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob} must be in 0..1")
        if not 0.2 <= self.share[0] <= self.share[1] <= 0.8:
            raise UserError(f"share={self.share}: expected (low, high) with 0.2 <= low <= high <= 0.8: either image must be seen")

    def apply(self, sample: Sample, other: Sample, rng: np.random.Generator) -> Sample:
        """Blend `other`, of the same size, into the image and the masks of `sample` in place.

        A pixel whose two labels differ is not labelled any more, nor is any pixel of a task that one of the two does not label. The
        same goes for labels of the whole image. A class that is not known in one of them is not known in the result, nor is a task of
        boxes.
        """
        share = rng.uniform(*self.share)
        cv2.addWeighted(sample.image, share, other.image, 1 - share, 0, dst=sample.image)
        for task, mask in sample.masks.items():
            mask[mask != other.masks[task] if task in other.masks else ...] = IGNORE
        sample.boxes = {task: _concatenated([boxes, other.boxes[task]]) for task, boxes in sample.boxes.items() if task in other.boxes}
        sample.image_labels = _common_labels([sample, other])
        return sample


@dataclass(frozen=True)
class MultiScale:
    """Another input size every few iterations. The same crops are shown larger or smaller.

    Attributes:
        scale_range: The range of the size, relative to `train_geometry.crop_hw`. Sizes are multiples of the network's stride.
        interval: Iterations between two sizes.
    """

    scale_range: tuple[float, float] = (0.75, 1.25)
    interval: int = 10

    def __post_init__(self) -> None:
        if not 0.25 <= self.scale_range[0] <= self.scale_range[1] <= 4:
            raise UserError(f"scale_range={self.scale_range}: expected (low, high) with 0.25 <= low <= high <= 4")
        if not 1 <= self.interval <= 1_000_000:
            raise UserError(f"interval={self.interval}: 1 to 1,000,000 iterations")


@dataclass(frozen=True)
class Augmentation:
    """Augmentations besides crop, scale, flip and colours. None: off.

    Attributes:
        warp: Rotation, shear and perspective.
        mosaic: Four images in one.
        copy_paste: Pixels of some classes from another image.
        erase: Random erasing.
        mixup: A blend of two images.
        multi_scale: Another input size every few iterations.
    """

    warp: Warp | None = None
    mosaic: Mosaic | None = None
    copy_paste: CopyPaste | None = None
    erase: Erase | None = None
    mixup: MixUp | None = None
    multi_scale: MultiScale | None = None


def join_tiles(samples: Sequence[Sample], tiles: Sequence[Tile], out: np.ndarray) -> Sample:
    """Samples of the tiles' sizes as one, whose image is `out`. What one of them does not label is not known there: masks have IGNORE,
    and a class that is not known in one of them is not known in the whole, nor is a task of boxes. A label of the whole image stays
    where all have the same. Its affine is the first one's."""
    masks = {task: np.full(out.shape[:2], IGNORE, np.uint8) for sample in samples for task in sample.masks}
    for sample, tile in zip(samples, tiles, strict=True):
        out[tile.slices] = sample.image
        for task, mask in sample.masks.items():
            masks[task][tile.slices] = mask
    first = samples[0]
    boxes = {task: _joined([sample.boxes[task] for sample in samples], tiles) for task in first.boxes
             if all(task in sample.boxes for sample in samples)}
    return Sample(out, first.path, first.source, first.original_hw, first.affine, boxes, masks,
                  tuple(bad for sample in samples for bad in sample.skipped), _common_labels(samples))


def _common_labels(samples: Sequence[Sample]) -> dict[str, int]:
    """Image labels that all samples have alike."""
    return {task: label for task, label in samples[0].image_labels.items() if all(s.image_labels.get(task) == label for s in samples)}


def _joined(parts: Sequence[Boxes], tiles: Sequence[Tile]) -> Boxes:
    moved = [replace(boxes, xyxy=boxes.xyxy + np.array([tile.left, tile.top] * 2, np.float32))
             for boxes, tile in zip(parts, tiles, strict=True)]
    return _concatenated(moved)


def _concatenated(parts: Sequence[Boxes]) -> Boxes:
    """All boxes; the classes that every part knows."""
    return Boxes(np.concatenate([b.xyxy for b in parts]), np.concatenate([b.labels for b in parts]),
                 np.concatenate([b.ignore for b in parts]), np.logical_and.reduce([b.known for b in parts]))


def ignore_hidden(boxes: Boxes, hidden: np.ndarray, min_visible: float) -> Boxes:
    """Boxes of which the pixels in `hidden` (H, W), not 0, leave less than `min_visible` become ignore regions."""
    covered = np.array([share_inside(box, hidden) > 1 - min_visible for box in boxes.xyxy], dtype=bool)
    return Boxes(boxes.xyxy, boxes.labels, boxes.ignore | covered, boxes.known)


def _with_pasted(boxes: Boxes, others: Boxes, pasted: np.ndarray, min_visible: float) -> Boxes:
    """The boxes, and as ignore regions those of `others` of which at least `min_visible` has been pasted."""
    touched = np.array([share_inside(box, pasted) >= min_visible for box in others.xyxy], dtype=bool)
    return Boxes(np.concatenate([boxes.xyxy, others.xyxy[touched]]), np.concatenate([boxes.labels, others.labels[touched]]),
                 np.concatenate([boxes.ignore, np.ones(int(touched.sum()), bool)]), boxes.known & others.known)


def share_inside(box: np.ndarray, pixels: np.ndarray) -> float:
    """Share of the pixels of a box (4,) that are not 0 in `pixels` (H, W)."""
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    inside = pixels[max(y1, 0):y2, max(x1, 0):x2]
    return np.count_nonzero(inside) / inside.size if inside.size else 0.0
