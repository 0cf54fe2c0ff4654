"""From an original image to the network's input, described once: training, evaluation, export, runtime and drawing read it here."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtzoo.errors import UserError
from mtzoo.ops import affine

PAD_VALUE = 128  # zero after the normalisation (x - 128) / 128


def keep_ratio_hw(hw: tuple[int, int], short_long: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same aspect whose short side is at most short_long[0] and long side at most short_long[1].

    The 'min_max_pairs' resize: (940, 1824) with (540, 1140) gives (540, 1048).
    """
    short, long = min(hw), max(hw)
    scale = min(short_long[0] / short, short_long[1] / long)
    return round(hw[0] * scale), round(hw[1] * scale)


def resize(image: np.ndarray, hw: tuple[int, int], is_mask: bool = False) -> np.ndarray:
    """Resize an image (area when it shrinks, else bilinear) or a mask (nearest, pixel centres aligned)."""
    if image.shape[:2] == tuple(hw):
        return image
    if is_mask:
        return cv2.resize(image, hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    shrinks = hw[0] < image.shape[0]
    return cv2.resize(image, hw[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


@dataclass(frozen=True)
class DeployGeometry:
    """Keep-ratio resize into `resized_hw`, drop the top rows, pad right and below to `input_hw`.

    resized_hw: the box (height, width) the original is fitted into, e.g. (540, 960) for 1080x1920, a half by an image
    pyramid; drop_top: rows cut off above; input_hw: what the network sees, multiples of `stride`.
    """

    resized_hw: tuple[int, int]
    drop_top: int
    input_hw: tuple[int, int]
    stride: int = 32

    def __post_init__(self) -> None:
        for name, size in zip(("height", "width"), self.input_hw):
            if size <= 0 or size % self.stride:
                padded = -(-size // self.stride) * self.stride
                raise UserError(f"input_hw={self.input_hw}: {name} {size} is not a multiple of the network's stride "
                                f"{self.stride}; pad to {padded}")
        rows = self.resized_hw[0] - self.drop_top
        if self.drop_top < 0 or rows <= 0 or rows > self.input_hw[0] or self.resized_hw[1] > self.input_hw[1]:
            raise UserError(f"resized_hw={self.resized_hw} less drop_top={self.drop_top} rows does not fit "
                            f"input_hw={self.input_hw}; enlarge input_hw or drop more rows")

    def scale(self, original_hw: tuple[int, int]) -> float:
        """Input pixels per original pixel."""
        return min(self.resized_hw[0] / original_hw[0], self.resized_hw[1] / original_hw[1])

    def affine(self, original_hw: tuple[int, int]) -> np.ndarray:
        """(2, 3) original pixels -> input pixels."""
        scale = self.scale(original_hw)
        return affine.scale_shift(scale, scale, 0.0, -float(self.drop_top))

    def apply(self, image: np.ndarray, is_mask: bool = False, fill: int = PAD_VALUE) -> np.ndarray:
        """An original image (H, W, 3) or mask (H, W) as the network's input, (input_h, input_w[, 3]) uint8."""
        scale = self.scale(image.shape[:2])
        hw = (round(image.shape[0] * scale), round(image.shape[1] * scale))
        resized = resize(image, hw, is_mask)[self.drop_top:]
        if resized.shape[:2] == tuple(self.input_hw):
            return np.ascontiguousarray(resized)
        out = np.full((*self.input_hw, *image.shape[2:]), fill, dtype=np.uint8)
        out[:resized.shape[0], :resized.shape[1]] = resized
        return out


def label_map_to_original(label_map: np.ndarray, map_stride: int, to_input: np.ndarray, original_hw: tuple[int, int],
                          fill: int = 0) -> np.ndarray:
    """A label map (h, w) at `map_stride` of the input -> (H, W) uint8 in original pixels, nearest.

    to_input: (2, 3) original -> input pixels. Pixels the input does not show (dropped rows) take `fill`.
    """
    to_map = affine.compose(affine.scale_shift(1 / map_stride, 1 / map_stride), to_input)
    return cv2.warpAffine(label_map.astype(np.uint8), affine.pixel_center_matrix(to_map), original_hw[::-1],
                          flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)
