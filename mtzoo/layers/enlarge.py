"""Bilinear resizing to any size."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.writer import Value, Writer
from mtzoo.ops.grid import Grid

STEPS = 128
"""Weights are multiples of 1 / STEPS: along both axes they add 14 bits to 8."""
NOISE = 1e-6
"""Of a number of cells: 1.1 * 10 is a little more than 11."""


class Enlarge(Homogeneous):
    """(N, C, H, W) -> (N, C, *size), bilinear as torch's `interpolate`, one rounding. forward(x, like=None): without a `size` or a
    `factor` the result has the height and the width of `like`, another map.

    In floats it is `interpolate` itself. A quantized map is multiplied with two matrices of weights in 1/128, of which each row adds up
    to 1: that is exact in every runtime, which other ways of resizing by such factors are not, and within a step of it on each axis;
    factors of up to 64 that are powers of two are met in full. It costs twice a Resize: UpsampleBilinear is cheaper if its factors do.

    size, factor: of height and width. Raises ValueError for a size below 1, a factor that is not above 0, and both; at work for a
    factor that gives no whole number of cells, and if there is neither of them nor another map.
    """

    grid_rule = "own"
    latency_kind = "resize"

    def __init__(self, size: tuple[int, int] | None = None, *, factor: tuple[float, float] | None = None,
                 align_corners: bool = False) -> None:
        super().__init__()
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"size={size}: expected height and width of 1 or more")
        if factor is not None and (size is not None or len(factor) != 2 or not 0 < min(factor) <= max(factor) < math.inf):
            raise ValueError(f"factor={factor}: expected those of height and width, above 0, and no size")
        self.size, self.factor, self.align_corners = size, factor, align_corners

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        if self.act_quant is not None and self.act_quant.enabled:
            return self.act_quant(self.compute(x, like))
        size = self._size(x.shape, None if like is None else like.shape)
        y = F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)
        return y if self.act_quant is None else self.act_quant(y)

    def compute(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        size = self._size(x.shape, None if like is None else like.shape)
        rows, columns = (x.new_tensor(weights(n_in, n_out, self.align_corners)) for n_in, n_out in zip(x.shape[2:], size))
        return rows @ x @ columns.T

    def _size(self, shape: Sequence[int], like: Sequence[int] | None) -> tuple[int, int]:
        """(H, W) of the result. shape: of x; like: that of another map."""
        if self.factor is not None:
            sizes = [factor * cells for factor, cells in zip(self.factor, shape[2:])]
            if any(size - int(size) > NOISE for size in sizes):
                raise ValueError(f"Enlarge by {self.factor} makes {sizes} cells of a map of {tuple(shape[2:])}: expected whole numbers")
            return int(sizes[0]), int(sizes[1])
        if self.size is None and like is None:
            raise ValueError("Enlarge has no size: give it one, or the map whose size it takes")
        return tuple(like[2:] if self.size is None else self.size)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0]

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return STEPS**2 * inputs[0].largest / float(inputs[0].scale)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, x, shape = writer.builder, writer.as_float(reads[0]), writer.shape(reads[0])
        size = self._size(shape, writer.shape(reads[1]) if len(reads) > 1 else None)
        if self.act_quant is None or not writer.quantized:
            mode = "align_corners" if self.align_corners else "half_pixel"
            attributes = {"mode": "linear", "coordinate_transformation_mode": mode}
            return writer.rounded(name, b.op("Resize", [x, "", "", b.integers(*shape[:2], *size)], "", attributes), self.act_quant)
        rows, columns = (weights(n_in, n_out, self.align_corners) for n_in, n_out in zip(shape[2:], size))
        y = b.op("MatMul", [b.op("MatMul", [b.constant(rows), x]), b.constant(np.ascontiguousarray(columns.T))])
        return writer.rounded(name, y, self.act_quant)


@lru_cache(maxsize=64)
def weights(n_in: int, n_out: int, align_corners: bool) -> np.ndarray:
    """(n_out, n_in) float32: what each of n_in places gives to each of n_out, multiples of 1 / STEPS; rows add up to 1."""
    place = np.arange(n_out, dtype=np.int64)
    if align_corners:
        position, unit = place * (n_in - 1), max(n_out - 1, 1)
    else:
        position, unit = (2 * place + 1) * n_in - n_out, 2 * n_out
    low, part = np.divmod((2 * STEPS * position + unit) // (2 * unit), STEPS)  # in steps, rounded
    matrix = np.zeros((n_out, n_in), dtype=np.float32)
    np.add.at(matrix, (place, low.clip(0, n_in - 1)), (STEPS - part) / STEPS)
    np.add.at(matrix, (place, (low + 1).clip(0, n_in - 1)), part / STEPS)
    matrix.flags.writeable = False
    return matrix
