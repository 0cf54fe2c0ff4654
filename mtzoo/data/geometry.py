"""Training geometry: one random window of the original, resized once. Its affine maps everything else."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from mtzoo.errors import UserError
from mtzoo.ops import affine
from mtzoo.ops.geometry import PAD_VALUE, keep_ratio_hw
from mtzoo.structures import IGNORE, MAX_PIXELS, Boxes

# Area averaging costs seven times a bilinear resize and only differs visibly once pixels start to be skipped.
_AREA_BELOW = 0.7
LONGEST_SIDE = 1 << 16
LEAST_SCALE = 0.01


@dataclass(frozen=True)
class Window:
    """A rectangle of the original (it may reach outside) shown as `out_hw` pixels, mirrored if `flip`."""

    x: int
    y: int
    width: int
    height: int
    out_hw: tuple[int, int]
    flip: bool = False

    @property
    def affine(self) -> np.ndarray:
        """(2, 3) original pixels -> output pixels."""
        scale_x, scale_y = self.out_hw[1] / self.width, self.out_hw[0] / self.height
        if self.flip:
            return affine.scale_shift(-scale_x, scale_y, self.out_hw[1] + self.x * scale_x, -self.y * scale_y)
        return affine.scale_shift(scale_x, scale_y, -self.x * scale_x, -self.y * scale_y)

    def image(self, image: np.ndarray, reduced: int = 1, out: np.ndarray | None = None) -> np.ndarray:
        """(H, W, 3) uint8 original -> (*out_hw, 3), padded with PAD_VALUE.

        reduced: how many times smaller than the original the image has been decoded; the window lies on that grid. out: C-contiguous
        memory for the result.
        """
        window = self if reduced == 1 else replace(self, x=self.x // reduced, y=self.y // reduced, width=self.width // reduced,
                                                   height=self.height // reduced)
        shrinks = window.out_hw[0] / window.height < _AREA_BELOW
        with _quick_resize():
            return window._show(image, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR, PAD_VALUE, out)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """(H, W) uint8 original -> out_hw, nearest, padded with IGNORE."""
        return self._show(mask, cv2.INTER_NEAREST_EXACT, IGNORE)

    def boxes(self, boxes: Boxes, min_visible: float, min_size: float) -> Boxes:
        """Boxes as the window shows them: `window_boxes`."""
        return window_boxes(self, boxes, min_visible, min_size)

    def _show(self, image: np.ndarray, interpolation: int, fill: int, out: np.ndarray | None = None) -> np.ndarray:
        """Always written to memory of its own, or to `out`."""
        height, width = image.shape[:2]
        top, left = max(-self.y, 0), max(-self.x, 0)
        bottom, right = max(self.y + self.height - height, 0), max(self.x + self.width - width, 0)
        shown = image[max(self.y, 0):self.y + self.height, max(self.x, 0):self.x + self.width]
        if top or left or bottom or right:
            shown = cv2.copyMakeBorder(shown, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(fill, fill, fill))
        if out is None:
            out = np.empty((*self.out_hw, *image.shape[2:]), dtype=image.dtype)
        if shown.shape[:2] == self.out_hw:
            np.copyto(out, shown)
        else:
            cv2.resize(shown, self.out_hw[::-1], dst=out, interpolation=interpolation)
        return cv2.flip(out, 1, dst=out) if self.flip else out


@contextmanager
def _quick_resize() -> Iterator[None]:
    """Lets OpenCV take Intel's IPP where it has it: half the time, and at most one grey level from OpenCV's own rounding.

    For training's windows alone: what is evaluated or deployed is resized to the last bit as anywhere else.
    """
    before = cv2.ipp.useIPP_NotExact()  # of this thread
    cv2.ipp.setUseIPP_NotExact(True)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP_NotExact(before)


def window_boxes(window: Window, boxes: Boxes, min_visible: float, min_size: float) -> Boxes:
    """Boxes as the window shows them: clipped; gone when nothing is left; ignore regions when less than `min_visible` of the
    area is left or a side is shorter than `min_size` output pixels."""
    return clip_boxes(affine.map_boxes(window.affine, boxes.xyxy), window.out_hw, boxes, min_visible, min_size)


def clip_boxes(full: np.ndarray, out_hw: tuple[int, int], boxes: Boxes, min_visible: float, min_size: float) -> Boxes:
    """What an image of out_hw shows of boxes that lie at `full` (G, 4) there; the rest as in `window_boxes`."""
    height, width = out_hw
    clipped = np.clip(full, 0, np.array([width, height, width, height], dtype=np.float32))
    sides, full_sides = clipped[:, 2:] - clipped[:, :2], full[:, 2:] - full[:, :2]
    area = sides.prod(axis=1)
    kept = area > 0
    unsure = (area < min_visible * full_sides.prod(axis=1)) | (sides.min(axis=1) < min_size)
    return Boxes(clipped[kept], boxes.labels[kept], (boxes.ignore | unsure)[kept], boxes.known)


@dataclass(frozen=True)
class TrainGeometry:
    """Resize, scale jitter, crop and flip of a training image, as one window.

    Attributes:
        crop_hw: Height and width of the output, multiples of the network's stride.
        resize_hw: Short and long side, for `"min_max_pairs"`.
        resize_type: `"min_max_pairs"`: the image is fitted into `resize_hw`, with its aspect ratio. `"none"`: full resolution.
        crop_type: A `"random"` crop, or the one in the `"center"`.
        scale_range: The range of the scale jitter, drawn log-uniformly.
        scale_step: Draw one of low, low + step, ..., high instead.
        flip_prob: The probability of a horizontal flip.
        min_visible: A box with a smaller share of its area in the crop becomes an ignore region.
        min_size: A box with a side below this many output pixels becomes an ignore region.
        focus_prob: The probability that the crop is placed on a class of the image, drawn evenly.
        reduced_decode: Decode JPEGs at 1/2, 1/4 or 1/8 of their size if every window shrinks them at least that much.
    """

    crop_hw: tuple[int, int]
    resize_hw: tuple[int, int] = (540, 1140)
    resize_type: Literal["min_max_pairs", "none"] = "min_max_pairs"
    crop_type: Literal["random", "center"] = "random"
    scale_range: tuple[float, float] = (1.0, 1.0)
    scale_step: float | None = None
    flip_prob: float = 0.5
    min_visible: float = 0.3
    min_size: float = 4.0
    focus_prob: float = 0.0
    reduced_decode: bool = False

    def __post_init__(self) -> None:
        if self.resize_type not in ("min_max_pairs", "none"):
            raise UserError(f"resize_type='{self.resize_type}' must be 'min_max_pairs' or 'none'")
        if self.crop_type not in ("random", "center"):
            raise UserError(f"crop_type='{self.crop_type}' must be 'random' or 'center'")
        if min(self.crop_hw) <= 0 or min(self.resize_hw) <= 0:
            raise UserError(f"crop_hw={self.crop_hw}, resize_hw={self.resize_hw}: sizes must be positive")
        if self.crop_hw[0] * self.crop_hw[1] > MAX_PIXELS or max(self.resize_hw) > LONGEST_SIDE:
            raise UserError(f"crop_hw={self.crop_hw}, resize_hw={self.resize_hw}: at most {MAX_PIXELS:,} pixels of a crop and sides of "
                            f"{LONGEST_SIDE:,} are allowed")
        if not LEAST_SCALE <= self.scale_range[0] <= self.scale_range[1] <= 1 / LEAST_SCALE:
            raise UserError(f"scale_range={self.scale_range} must be (low, high) with {LEAST_SCALE} <= low <= high <= "
                            f"{1 / LEAST_SCALE:g}")
        if self.scale_step is not None and not (self.scale_step > 0 and self._scale_steps >= 1 and self._scale_steps.is_integer()):
            raise UserError(f"scale_step={self.scale_step}: expected a positive number that divides {self.scale_range[0]} ... "
                            f"{self.scale_range[1]} (scale_range) into whole steps")
        for name in ("flip_prob", "min_visible", "focus_prob"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name}={getattr(self, name)} must be in 0..1")

    @property
    def _scale_steps(self) -> float:
        """How many steps lie between the ends of `scale_range`; whole up to the rounding of decimal fractions."""
        return round((self.scale_range[1] - self.scale_range[0]) / self.scale_step, 6)

    def _jitter(self, rng: np.random.Generator) -> float:
        if self.scale_step is None:
            return math.exp(rng.uniform(*map(math.log, self.scale_range)))
        return self.scale_range[0] + self.scale_step * int(rng.integers(int(self._scale_steps) + 1))

    def resized_hw(self, original_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width after the resize, before jitter and crop: (720, 1280) -> (540, 960)."""
        return keep_ratio_hw(original_hw, self.resize_hw) if self.resize_type == "min_max_pairs" else original_hw

    def at(self, hw: tuple[int, int]) -> "TrainGeometry":
        """The same windows shown as `hw` pixels. If `hw` has another aspect ratio, they get wider by as much as they get lower."""
        scale = math.sqrt(hw[0] * hw[1] / (self.crop_hw[0] * self.crop_hw[1]))
        return replace(self, crop_hw=hw, scale_range=(self.scale_range[0] * scale, self.scale_range[1] * scale),
                       scale_step=self.scale_step and self.scale_step * scale)

    def reduction(self, original_hw: tuple[int, int]) -> int:
        """How many times smaller a JPEG may be decoded: 1, 2, 4 or 8. At most what every window shrinks it by anyway, and 1
        without `reduced_decode`."""
        if not self.reduced_decode:
            return 1
        resized = self.resized_hw(original_hw)
        scale = self.scale_range[1] * max(resized[0] / original_hw[0], resized[1] / original_hw[1])
        return next((factor for factor in (8, 4, 2) if scale * factor <= 1), 1)

    def draw(self, original_hw: tuple[int, int], rng: np.random.Generator, focus: tuple[float, float] | None = None,
             grid: int = 1) -> Window:
        """A random window. focus: a point (x, y) of the original to be near the centre of the crop; grid: what the window's
        sides and offsets, and the original's sides, are multiples of."""
        jitter = self._jitter(rng)
        resized = self.resized_hw(original_hw)
        sides, offsets = [], []
        for axis in (0, 1):
            scale = jitter * resized[axis] / original_hw[axis]
            side = max(round(self.crop_hw[axis] / scale / grid), 1)
            free = original_hw[axis] // grid - side
            if focus is not None:
                offset = round(focus[1 - axis] / grid - side / 2)
                offset = min(max(offset, min(free, 0)), max(free, 0))
            elif self.crop_type == "center":
                offset = free // 2
            else:
                offset = int(rng.integers(min(free, 0), max(free, 0) + 1))
            sides.append(side * grid)
            offsets.append(offset * grid)
        flip = bool(rng.random() < self.flip_prob)
        return Window(offsets[1], offsets[0], sides[1], sides[0], tuple(self.crop_hw), flip)
