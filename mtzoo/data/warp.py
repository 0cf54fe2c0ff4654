"""Rotation, shear and perspective of a training window: one map, on boxes, masks and image alike."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mtzoo.data.geometry import Window, clip_boxes
from mtzoo.errors import UserError
from mtzoo.ops.affine import invert
from mtzoo.ops.geometry import PAD_VALUE
from mtzoo.structures import IGNORE, Boxes

_HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # pixel centres lie half a pixel from the corners that maps count from

_HORIZON = 0.1  # of a corner's depth, where 1 is that of the window's centre


@dataclass(frozen=True)
class Warp:
    """Rotation, shear and perspective. Areas outside of the image are unlabelled.

    Attributes:
        prob: The probability for an image.
        rotation: The largest rotation in degrees.
        shear: The largest shear in degrees.
        perspective: How far each corner may move, as a share of the sides.
    """

    prob: float = 0.5
    rotation: float = 0.0
    shear: float = 0.0
    perspective: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.prob <= 1:
            raise UserError(f"prob={self.prob} must be in 0..1")
        for name, most in (("rotation", 180), ("shear", 45), ("perspective", 0.2)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"{name}={getattr(self, name)} must be in 0..{most}")
        if not (self.rotation or self.shear or self.perspective):
            raise UserError("rotation, shear and perspective are all 0, nothing would be warped; give one of them")

    def draw(self, hw: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """(3, 3) float64: pixels of an image of hw -> pixels of the warped one, about its centre."""
        height, width = hw
        angle, shear = (math.radians(rng.uniform(-most, most)) for most in (self.rotation, self.shear))
        turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
        slant = np.array([[1, math.tan(shear), 0], [0, 1, 0], [0, 0, 1]])
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        moved = corners + rng.uniform(-self.perspective, self.perspective, (4, 2)).astype(np.float32) * (width, height)
        tilt = cv2.getPerspectiveTransform(corners, moved.astype(np.float32)) if self.perspective else np.eye(3)
        return tilt @ _shift(width / 2, height / 2) @ turn @ slant @ _shift(-width / 2, -height / 2)


@dataclass(frozen=True)
class WarpedWindow:
    """A window, warped: shown by `matrix` (3, 3), window pixels -> output pixels. What lies outside the original is not known."""

    window: Window
    matrix: np.ndarray

    @property
    def homography(self) -> np.ndarray:
        """(3, 3): original pixels -> output pixels."""
        return self.matrix @ _square(self.window.affine)

    @property
    def affine(self) -> np.ndarray:
        """(2, 3): original pixels -> output pixels; with perspective as it is at the window's centre."""
        centre = np.array([self.window.x + self.window.width / 2, self.window.y + self.window.height / 2, 1.0])
        x, y, w = self.homography @ centre
        linear = (self.homography[:2, :2] - np.outer([x / w, y / w], self.homography[2, :2])) / w
        return np.hstack([linear, np.array([[x / w], [y / w]]) - (linear @ centre[:2])[:, None]])

    def image(self, image: np.ndarray, reduced: int = 1, out: np.ndarray | None = None) -> np.ndarray:
        """As `Window.image`. It is resized first, as the window would be, then warped: what shrinks is averaged and not skipped."""
        wide = self._wide(reduced)
        shown = wide.image(image, reduced)
        matrix = self.matrix @ _square(self.window.affine) @ np.linalg.inv(_square(wide.affine))
        return self._warp(shown, matrix, cv2.INTER_LINEAR, PAD_VALUE, out)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """As `Window.mask`: nearest, and IGNORE wherever the original does not reach."""
        return self._warp(mask, self.homography, cv2.INTER_NEAREST, IGNORE, None)

    def boxes(self, boxes: Boxes, min_visible: float, min_size: float) -> Boxes:
        """As `window_boxes`: the upright box around each warped one."""
        wide, xyxy = self._wide(1), boxes.xyxy.reshape(-1, 4).astype(np.float64)
        around = np.array([wide.x, wide.y, wide.x + wide.width, wide.y + wide.height])
        behind = self._corners(xyxy)[..., 2].min(axis=1, initial=np.inf) < _HORIZON
        xyxy[behind] = np.clip(xyxy[behind], around[[0, 1, 0, 1]], around[[2, 3, 2, 3]])  # nothing is seen of what lies further away
        mapped = self._corners(xyxy)
        points = mapped[..., :2] / mapped[..., 2:]
        full = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1).astype(np.float32)
        return clip_boxes(full, self.window.out_hw, boxes, min_visible, min_size)

    def _corners(self, xyxy: np.ndarray) -> np.ndarray:
        """(G, 4) in the original -> (G, 4 corners, 3), homogeneous, in the output."""
        x1, y1, x2, y2 = xyxy.T
        corners = [np.stack([x, y, np.ones_like(x)], axis=-1) for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
        return np.stack(corners, axis=1) @ self.homography.T

    def _warp(self, image: np.ndarray, matrix: np.ndarray, interpolation: int, fill: int, out: np.ndarray | None) -> np.ndarray:
        return cv2.warpPerspective(image, np.linalg.inv(_HALF) @ matrix @ _HALF, self.window.out_hw[::-1], dst=out, flags=interpolation,
                                   borderMode=cv2.BORDER_CONSTANT, borderValue=(fill, fill, fill))

    def _wide(self, grid: int) -> Window:
        """The window with all that the warp brings in from around it, at nearly the same scale."""
        height, width = self.window.out_hw
        corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], dtype=np.float64).T
        x, y, w = np.linalg.inv(self.matrix) @ corners
        points = invert(self.window.affine) @ np.stack([x / w, y / w, np.ones(4)])  # (2, 4) in the original
        low = np.floor(points.min(axis=1) / grid).astype(int) * grid - grid
        high = np.ceil(points.max(axis=1) / grid).astype(int) * grid + grid
        sides = high - low
        out_hw = tuple(max(round(side * out / own), 1) for side, out, own in (
            (sides[1], height, self.window.height), (sides[0], width, self.window.width)))
        return replace(self.window, x=int(low[0]), y=int(low[1]), width=int(sides[0]), height=int(sides[1]), out_hw=out_hw)


def _square(affine: np.ndarray) -> np.ndarray:
    """(2, 3) -> (3, 3)."""
    return np.vstack([affine, [0.0, 0.0, 1.0]])


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
