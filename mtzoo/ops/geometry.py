"""From an original image to the network's input, described once: training, evaluation, export, runtime and drawing read it here."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtzoo.errors import UserError
from mtzoo.ops import affine
from mtzoo.ops.camera import Camera
from mtzoo.structures import MAX_PIXELS, Xyxy

LARGEST_STRIDE = 1024
PAD_VALUE = 128  # zero after the normalisation (x - 128) / 128


def keep_ratio_hw(hw: tuple[int, int], short_long: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same aspect whose short side is at most short_long[0] and long side at most short_long[1].

    The 'min_max_pairs' resize: (940, 1824) with (540, 1140) gives (540, 1048).
    """
    short, long = min(hw), max(hw)
    scale = min(short_long[0] / short, short_long[1] / long)
    return scaled_hw(hw, scale)


def scaled_hw(hw: tuple[int, int], scale: float) -> tuple[int, int]:
    """Both sides times `scale`, in whole pixels: one at least, however thin the image."""
    return max(round(hw[0] * scale), 1), max(round(hw[1] * scale), 1)


def resize(image: np.ndarray, hw: tuple[int, int], is_mask: bool = False) -> np.ndarray:
    """Resize an image (area when it shrinks, else bilinear) or a mask (nearest, pixel centres aligned)."""
    if image.shape[:2] == tuple(hw):
        return image
    if is_mask:
        return cv2.resize(image, hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    shrinks = hw[0] < image.shape[0]
    return cv2.resize(image, hw[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


@dataclass(frozen=True)
class CropWindow:
    """The position of a crop model's window in the image: around the vanishing point of the camera, where far objects are.

    Give either `camera`, or `vanishing_point` and `original_hw`. In an image of another size the point keeps its share of width and
    height.

    Attributes:
        vanishing_point: (x, y) in pixels of an image of `original_hw`.
        original_hw: Height and width of the image in which the point was measured.
        camera: The camera, from which the point is computed.
        anchor: The position of the point in the window: (x, y) as shares of its sides.

    Raises:
        UserError: A value is missing, or the point lies outside of the image.
    """

    vanishing_point: tuple[float, float] | None = None
    original_hw: tuple[int, int] | None = None
    camera: Camera | None = None
    anchor: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if (self.camera is None) == (self.vanishing_point is None) or (self.vanishing_point is None) != (self.original_hw is None):
            raise UserError("window: give either 'camera', or 'vanishing_point' and 'original_hw', the size it was seen in")
        if self.original_hw is not None and min(self.original_hw) <= 0:
            raise UserError(f"window: original_hw={self.original_hw}: expected positive numbers of pixels")
        (x, y), (height, width) = self._point()
        if not (0 <= x <= width and 0 <= y <= height):
            raise UserError(f"window: the vanishing point ({x:.0f}, {y:.0f}) lies outside of the {width}x{height} image; "
                            "check the camera's parameters")
        if not all(0 <= share <= 1 for share in self.anchor):
            raise UserError(f"window: anchor={self.anchor}: expected shares in 0..1")

    def _point(self) -> tuple[tuple[float, float], tuple[int, int]]:
        if self.camera is not None:
            return self.camera.vanishing_point(), self.camera.original_hw
        return self.vanishing_point, self.original_hw

    def place(self, original_hw: tuple[int, int], window_hw: tuple[int, int]) -> tuple[int, int]:
        """Place the window in an image.

        Args:
            original_hw: Height and width of the image in pixels.
            window_hw: Height and width of the window in pixels.

        Returns:
            (left, top) in whole pixels. The window does not leave the image, unless the image is smaller.
        """
        (x, y), (height, width) = self._point()
        left = round(x * original_hw[1] / width - self.anchor[0] * window_hw[1])
        top = round(y * original_hw[0] / height - self.anchor[1] * window_hw[0])
        return (min(max(left, 0), max(original_hw[1] - window_hw[1], 0)),
                min(max(top, 0), max(original_hw[0] - window_hw[0], 0)))


@dataclass(frozen=True)
class View:
    """What the network sees of one original: resized to `resized_hw`, cut off `left` and `top` pixels from the corner, and
    cut or padded right and below to `input_hw`. scale: input pixels per original pixel."""

    original_hw: tuple[int, int]
    scale: float
    left: int
    top: int
    input_hw: tuple[int, int]

    @property
    def affine(self) -> np.ndarray:
        """(2, 3) original pixels -> input pixels."""
        return affine.scale_shift(self.scale, self.scale, -float(self.left), -float(self.top))

    @property
    def visible(self) -> Xyxy:
        """The rectangle of the original that is seen, xyxy in original pixels."""
        height, width = self.original_hw
        return (self.left / self.scale, self.top / self.scale, min((self.left + self.input_hw[1]) / self.scale, float(width)),
                min((self.top + self.input_hw[0]) / self.scale, float(height)))

    def show(self, image: np.ndarray, is_mask: bool = False, fill: int = PAD_VALUE) -> np.ndarray:
        """The original (H, W, 3) or its mask (H, W) as the network's input, (input_h, input_w[, 3]) uint8."""
        height, width = self.input_hw
        shown = resize(image, scaled_hw(image.shape[:2], self.scale), is_mask)[self.top:self.top + height, self.left:self.left + width]
        if shown.shape[:2] == (height, width):
            return np.ascontiguousarray(shown)
        out = np.full((height, width, *image.shape[2:]), fill, dtype=np.uint8)
        out[:shown.shape[0], :shown.shape[1]] = shown
        return out


@dataclass(frozen=True)
class DeployGeometry:
    """How an image becomes the network's input: resized (`resized_hw`), or a window at full resolution (`window`).

    Attributes:
        input_hw: Height and width of the input, multiples of the network's stride. The image is padded right and below.
        resized_hw: The image is fitted into this height and width, with its aspect ratio.
        drop_top: Rows to cut off above, after the resize.
        window: The position of the window.
        stride: The network's stride. None: it follows from the network.

    Raises:
        UserError: Values are impossible or do not go together.
    """

    input_hw: tuple[int, int]
    resized_hw: tuple[int, int] | None = None
    drop_top: int = 0
    window: CropWindow | None = None
    stride: int | None = None

    def __post_init__(self) -> None:
        for key in ("input_hw", "resized_hw"):
            size = getattr(self, key) or (1, 1)
            if min(size) <= 0 or size[0] * size[1] > MAX_PIXELS:
                raise UserError(f"{key}={size}: expected sides above 0 and at most {MAX_PIXELS:,} pixels")
        if self.stride is not None:
            self._check_stride(self.stride)
        if self.window is not None:
            if self.resized_hw is not None or self.drop_top:
                raise UserError("'window' is cut at full resolution; remove 'resized_hw' and 'drop_top', or 'window'")
        elif self.resized_hw is None:
            raise UserError("neither 'resized_hw' nor 'window' is given; add one")
        else:
            self._check_resized()

    def _check_stride(self, stride: int) -> None:
        if not 1 <= stride <= LARGEST_STRIDE:
            raise UserError(f"stride={stride}: expected 1..{LARGEST_STRIDE}")
        for name, size in zip(("height", "width"), self.input_hw):
            if size % stride:
                raise UserError(f"input_hw={self.input_hw}: {name} {size} is not a multiple of the network's stride {stride}; "
                                f"pad to {-(-size // stride) * stride}")

    def _check_resized(self) -> None:
        rows = self.resized_hw[0] - self.drop_top
        if self.drop_top < 0 or rows <= 0 or rows > self.input_hw[0] or self.resized_hw[1] > self.input_hw[1]:
            raise UserError(f"resized_hw={self.resized_hw} less drop_top={self.drop_top} rows does not fit "
                            f"input_hw={self.input_hw}; enlarge input_hw or drop more rows")

    def view(self, original_hw: tuple[int, int]) -> View:
        """The part of an image of this height and width that the network sees, and its scale."""
        if self.window is not None:
            left, top = self.window.place(original_hw, self.input_hw)
            return View(original_hw, 1.0, left, top, self.input_hw)
        scale = min(self.resized_hw[0] / original_hw[0], self.resized_hw[1] / original_hw[1])
        return View(original_hw, scale, 0, self.drop_top, self.input_hw)
