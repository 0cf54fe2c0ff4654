"""Label maps as networks give them, of cells larger than a pixel, brought back to the original image."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mtzoo.ops import affine
from mtzoo.structures import DistinctRows

NEAREST = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True)
class SmallLabelMap:
    """What one network says of one image, as it says it.

    cells: (h, w) uint8, each of `map_stride` by `map_stride` input pixels; to_input: (2, 3) original -> input pixels, axis by axis.
    """

    cells: np.ndarray
    map_stride: int
    to_input: np.ndarray
    original_hw: tuple[int, int]

    def enlarged(self) -> np.ndarray:
        """(H, W) uint8 in original pixels; those that the input does not show are 0."""
        return self.distinct_rows().enlarged()

    def distinct_rows(self, unseen: int = 0) -> DistinctRows:
        """The same, each row once. unseen: the label of pixels that the input does not show."""
        return _distinct_rows(self.cells, self.map_stride, self.to_input, self.original_hw, unseen)


def label_map_to_original(label_map: np.ndarray, map_stride: int, to_input: np.ndarray, original_hw: tuple[int, int],
                          fill: int = 0) -> np.ndarray:
    """A label map (h, w) at `map_stride` of the input -> (H, W) uint8 in original pixels, nearest; equal to OpenCV's warpAffine.

    to_input: (2, 3) original -> input pixels, without rotation or shear (else ValueError). Pixels the input does not show (dropped
    rows) take `fill`. Whole rows are copied, first of the transposed map, then of the widened one: a tenth of the time of warpAffine.
    """
    return _distinct_rows(label_map, map_stride, to_input, original_hw, fill).enlarged()


def _distinct_rows(label_map: np.ndarray, map_stride: int, to_input: np.ndarray, original_hw: tuple[int, int],
                   fill: int = 0) -> DistinctRows:
    h, w = label_map.shape
    rows, columns = _shown_cells((h, w), map_stride, to_input, original_hw)
    by_columns = np.full((w + 1, h + 1), fill, dtype=np.uint8)
    by_columns[:w, :h] = label_map.T
    return DistinctRows(cv2.transpose(by_columns.take(columns, axis=0)), rows)


def label_map_cells(map_hw: tuple[int, int], map_stride: int, to_input: np.ndarray, original_hw: tuple[int, int]) -> np.ndarray:
    """(H, W) int64: which cell of a label map (h, w), row by row, `label_map_to_original` shows at each original pixel; -1 where it
    shows none."""
    rows, columns = _shown_cells(map_hw, map_stride, to_input, original_hw)
    cells = rows[:, None] * map_hw[1] + columns
    cells[rows == map_hw[0]] = -1
    cells[:, columns == map_hw[1]] = -1
    return cells


def _shown_cells(map_hw: tuple[int, int], map_stride: int, to_input: np.ndarray,
                 original_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(rows (H,), columns (W,)) int64 of the cells that original pixels show; h or w where they show none."""
    if to_input[0, 1] or to_input[1, 0]:
        raise ValueError(f"to_input={to_input.tolist()}: rotation and shear are not supported")
    to_map = affine.pixel_center_matrix(affine.compose(affine.scale_shift(1 / map_stride, 1 / map_stride), to_input))
    return (_shown_along(map_hw[0], float(to_map[1, 1]), float(to_map[1, 2]), original_hw[0], vertical=True),
            _shown_along(map_hw[1], float(to_map[0, 0]), float(to_map[0, 2]), original_hw[1], vertical=False))


@lru_cache(maxsize=64)
def _shown_along(cells: int, scale: float, shift: float, pixels: int, *, vertical: bool) -> np.ndarray:
    """(pixels,) int64: the cell at each pixel of one axis, as OpenCV rounds along that axis; `cells` where there is none."""
    matrix = np.array([[1, 0, 0], [0, scale, shift]] if vertical else [[scale, 0, shift], [0, 1, 0]], dtype=np.float64)
    size = (1, pixels) if vertical else (pixels, 1)

    def shown(values: np.ndarray) -> np.ndarray:
        line = values.astype(np.uint8).reshape(-1, 1) if vertical else values.astype(np.uint8).reshape(1, -1)
        return cv2.warpAffine(line, matrix, size, flags=NEAREST, borderMode=cv2.BORDER_CONSTANT).ravel().astype(np.int64)

    index = np.arange(cells)
    found = sum(shown(index >> shift_bits & 0xFF) << shift_bits for shift_bits in (0, 8, 16))
    result = np.where(shown(np.ones(cells)) > 0, found, cells)
    result.flags.writeable = False
    return result
