"""A sample as it is on disk -> the network's input with its labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mtzoo.data.augmentation import Augmentation, Mosaic, join_tiles
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.photometric import Photometric
from mtzoo.data.warp import Warp, WarpedWindow
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.structures import IGNORE, Sample

_FOCUS_STRIDE = 4  # masks are searched for classes on a grid: a class seen by no 4th pixel is too small to aim at


Others = Callable[[np.random.Generator], Sample]
"""Gives another sample of the same folder, as it is on disk."""


@dataclass(frozen=True)
class TrainPipeline:
    """Random window, what `augmentation` adds, then colours. Image, boxes and masks of the result are in input pixels.

    classes: segmentation task -> its classes, whose names `augmentation.copy_paste` gives.
    """

    geometry: TrainGeometry
    photometric: Photometric = field(default_factory=Photometric)
    augmentation: Augmentation = field(default_factory=Augmentation)
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def cut(self, sample: Sample, rng: np.random.Generator, out: np.ndarray | None = None, others: Others | None = None) -> Sample:
        """The random window. The sample's image may have been decoded smaller; its boxes and masks are in original pixels.

        out: (*crop_hw, 3) uint8, memory for the window's image, which is the sample's own either way; others: for mosaic, copy-paste
        and mixup, which there are none of without.
        """
        parts, min_visible = self.augmentation, self.geometry.min_visible
        if parts.mosaic and others and rng.random() < parts.mosaic.prob:
            shown = self._mosaic(parts.mosaic, sample, others, rng, out)
        else:
            shown = show(self.geometry, parts.warp, sample, rng, out)
        if parts.copy_paste and others and rng.random() < parts.copy_paste.prob:
            other = show(self.geometry, parts.warp, others(rng), rng)
            shown = replace(parts.copy_paste.apply(shown, other, self.classes, min_visible), skipped=(*shown.skipped, *other.skipped))
        if parts.mixup and others and rng.random() < parts.mixup.prob:
            other = show(self.geometry, parts.warp, others(rng), rng)
            shown = replace(parts.mixup.apply(shown, other, rng), skipped=(*shown.skipped, *other.skipped))
        return parts.erase.apply(shown, rng, min_visible) if parts.erase else shown

    def _mosaic(self, mosaic: Mosaic, sample: Sample, others: Others, rng: np.random.Generator, out: np.ndarray | None) -> Sample:
        tiles = mosaic.draw(self.geometry.crop_hw, rng)
        first = int(rng.integers(len(tiles)))
        tiles = [tiles[first], *tiles[:first], *tiles[first + 1:]]  # the drawn image stands anywhere
        shown = [show(replace(self.geometry, crop_hw=tile.hw), None, sample if i == 0 else others(rng), rng)
                 for i, tile in enumerate(tiles)]
        return join_tiles(shown, tiles, np.empty((*self.geometry.crop_hw, 3), np.uint8) if out is None else out)

    def at(self, hw: tuple[int, int]) -> "TrainPipeline":
        """The same with windows shown as `hw` pixels."""
        return self if hw == self.geometry.crop_hw else replace(self, geometry=self.geometry.at(hw))

    def recolor(self, sample: Sample, rng: np.random.Generator) -> None:
        """Colours of the window, changed in place."""
        self.photometric.apply(sample.image, rng)


def show(geometry: TrainGeometry, warp: Warp | None, sample: Sample, rng: np.random.Generator, out: np.ndarray | None = None) -> Sample:
    """A random window of the sample, warped now and then. out: memory for its image."""
    reduced = sample.original_hw[0] // sample.image.shape[0]
    focus = pick_focus(sample, rng) if rng.random() < geometry.focus_prob else None
    window = geometry.draw(sample.original_hw, rng, focus, reduced)
    if warp and rng.random() < warp.prob:
        window = WarpedWindow(window, warp.draw(geometry.crop_hw, rng))
    boxes = {task: window.boxes(boxes, geometry.min_visible, geometry.min_size) for task, boxes in sample.boxes.items()}
    masks = {task: window.mask(mask) for task, mask in sample.masks.items()}
    return replace(sample, image=window.image(sample.image, reduced, out), affine=window.affine, boxes=boxes, masks=masks)


@dataclass(frozen=True)
class EvalPipeline:
    """The deploy geometry on the image alone: boxes and masks stay in original pixels, where metrics are computed."""

    geometry: DeployGeometry

    def __call__(self, sample: Sample) -> Sample:
        view = self.geometry.view(sample.original_hw)
        return replace(sample, image=view.show(sample.image), affine=view.affine)


def pick_focus(sample: Sample, rng: np.random.Generator) -> tuple[float, float] | None:
    """A point (x, y) in original pixels on a (task, class) drawn evenly among those in the sample; None if it has no label."""
    found: list[tuple[str, int]] = []
    for task, boxes in sample.boxes.items():
        found += [(task, int(k)) for k in np.unique(boxes.labels[~boxes.ignore])]
    for task, mask in sample.masks.items():
        counts = np.bincount(mask[::_FOCUS_STRIDE, ::_FOCUS_STRIDE].ravel(), minlength=256)
        found += [(task, int(k)) for k in np.flatnonzero(counts) if k != IGNORE]
    if not found:
        return None
    task, label = found[int(rng.integers(len(found)))]
    if task in sample.boxes:
        boxes = sample.boxes[task]
        xyxy = boxes.xyxy[(boxes.labels == label) & ~boxes.ignore]
        x1, y1, x2, y2 = xyxy[int(rng.integers(len(xyxy)))]
        return float(x1 + x2) / 2, float(y1 + y2) / 2
    y, x = np.nonzero(sample.masks[task][::_FOCUS_STRIDE, ::_FOCUS_STRIDE] == label)
    pick = int(rng.integers(len(x)))
    return float(x[pick] * _FOCUS_STRIDE), float(y[pick] * _FOCUS_STRIDE)
