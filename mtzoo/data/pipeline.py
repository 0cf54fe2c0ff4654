"""A sample as it is on disk -> the network's input with its labels."""

from dataclasses import dataclass, field, replace

import numpy as np

from mtzoo.data.geometry import TrainGeometry, window_boxes
from mtzoo.data.photometric import Photometric
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.structures import IGNORE, Sample

_FOCUS_STRIDE = 4  # masks are searched for classes on a grid: a class seen by no 4th pixel is too small to aim at


@dataclass(frozen=True)
class TrainPipeline:
    """Random window, then colours. Image, boxes and masks of the result are in input pixels."""

    geometry: TrainGeometry
    photometric: Photometric = field(default_factory=Photometric)

    def cut(self, sample: Sample, rng: np.random.Generator, out: np.ndarray | None = None) -> Sample:
        """The random window. The sample's image may have been decoded smaller; its boxes and masks are in original pixels.

        out: (*crop_hw, 3) uint8, memory for the window's image, which is the sample's own either way.
        """
        geometry = self.geometry
        reduced = sample.original_hw[0] // sample.image.shape[0]
        focus = pick_focus(sample, rng) if rng.random() < geometry.focus_prob else None
        window = geometry.draw(sample.original_hw, rng, focus, reduced)
        image = window.image(sample.image, reduced, out)
        boxes = {task: window_boxes(window, boxes, geometry.min_visible, geometry.min_size) for task, boxes in sample.boxes.items()}
        masks = {task: window.mask(mask) for task, mask in sample.masks.items()}
        return replace(sample, image=image, affine=window.affine, boxes=boxes, masks=masks)

    def recolor(self, sample: Sample, rng: np.random.Generator) -> None:
        """Colours of the window, changed in place."""
        self.photometric.apply(sample.image, rng)


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
