"""Means: over windows, maps or channels. One arithmetic for all, see `mtzoo.ops.integer_mean`."""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.straight_through import straight_through
from mtzoo.layers.writer import Value, Writer, to_numpy
from mtzoo.ops.grid import Grid
from mtzoo.ops.integer_mean import mean_factors


class Mean(Homogeneous):
    """What all means share. A float network divides; a quantized one multiplies as integers do, and training sees the mean itself."""

    grid_rule = "own"
    latency_kind = "window"

    def sums(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> the sum of what each mean is of, in memory of its own."""
        self._missing("sums")

    def cells(self, shape: Sequence[int]) -> Tensor:
        """Of how many values each mean is: int64, one for all or in the last two axes. shape: (N, C, H, W) of the input."""
        self._missing("cells")

    def emit_sums(self, writer: Writer, read: str, factors: np.ndarray) -> str:
        """Append `sums` times float32 factors, of the shape of `cells`. Returns a float tensor."""
        self._missing("emit_sums")

    def compute(self, x: Tensor) -> Tensor:
        x = x.float() if torch.finfo(x.dtype).bits < 32 else x  # sums of more than 8 bits
        if self.act_quant is None or not self.act_quant.enabled:
            return self.sums(x) / self.cells(x.shape).to(x.device)
        return self.dyadic(x, exact_scale(self.sources))

    def dyadic(self, x: Tensor, scale: Tensor | float | None) -> Tensor:
        """The means by dyadic factors. scale: of x; None leaves the sums as they are."""
        factors, sums = mean_factors(self.cells(x.shape)), self.sums(x)
        before, after = (factor.to(sums) for factor in (factors.before, factors.after))
        smooth = sums * (before * after)
        if scale is None or not factors.rounds_sum:
            return smooth
        return straight_through(torch.round(sums / scale * before) * (after * scale), smooth)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0]

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        cells = self.cells(shapes[0])
        return mean_factors(cells).largest(cells, max(-inputs[0].low, inputs[0].high))

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        scale = inputs[0].scale.to(xs[0].device)
        return output.rounded(self.dyadic(xs[0].double() * scale, scale))

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        cells, read = self.cells(writer.shape(reads[0])), reads[0]
        if self.act_quant is None or not writer.quantized:
            return Value(self.emit_sums(writer, read, to_numpy(1 / cells.double()).astype(np.float32)))
        factors, scale = mean_factors(cells), exact_scale(self.sources)
        before, after = to_numpy(factors.before), to_numpy(factors.after)
        if scale is None or not factors.rounds_sum:
            y = self.emit_sums(writer, read, (before * after).astype(np.float32))
        else:
            steps = self.emit_sums(writer, read, (before / float(scale)).astype(np.float32))
            y = times(writer, writer.builder.op("Round", [steps]), (after * float(scale)).astype(np.float32))
        return writer.rounded(name, y, self.act_quant)


class GlobalMean(Mean):
    """(N, C, H, W) -> (N, C, 1, 1). In integers it is exact for maps of up to 65,793 cells."""

    def sums(self, x: Tensor) -> Tensor:
        return x.sum((2, 3), keepdim=True)

    def cells(self, shape: Sequence[int]) -> Tensor:
        return torch.tensor([[shape[2] * shape[3]]])

    def emit_sums(self, writer: Writer, read: str, factors: np.ndarray) -> str:
        b = writer.builder
        return times(writer, b.op("ReduceSum", [writer.as_float(read), b.integers(2, 3)], attributes={"keepdims": 1}), factors)


class BinMean(Mean):
    """(N, C, H, W) -> (N, C, *bins): adaptive average pooling. Bins overlap where they do not divide the map, and repeat cells where
    there are more of them than cells, as in PyTorch; None: one for each cell. Raises ValueError for a number of bins below 1."""

    def __init__(self, bins: tuple[int | None, int | None]) -> None:
        super().__init__()
        if any(count is not None and count < 1 for count in bins):
            raise ValueError(f"bins={bins}: height and width must be 1 or more")
        self.bins = bins

    def sums(self, x: Tensor) -> Tensor:
        # Not by slices: the gradient of each would be a map of its own, hundreds of them for small bins.
        rows, columns = (x.new_tensor(members(size, bins)) for size, bins in self._sides(x.shape))
        with nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False):  # "meta" knows no autocast
            return rows @ x @ columns.T

    def cells(self, shape: Sequence[int]) -> Tensor:
        height, width = (torch.tensor([stop - start for start, stop in ends(size, bins)]) for size, bins in self._sides(shape))
        return height[:, None] * width

    def _sides(self, shape: Sequence[int]) -> list[tuple[int, int]]:
        """(cells, bins) along height and width. shape: (N, C, H, W) of the input."""
        return [(size, size if bins is None else bins) for size, bins in zip(shape[2:], self.bins)]

    def emit_sums(self, writer: Writer, read: str, factors: np.ndarray) -> str:
        b, (height, width) = writer.builder, self._sides(writer.shape(read))
        y = b.op("MatMul", [b.constant(members(*height)), writer.as_float(read)])
        return times(writer, b.op("MatMul", [y, b.constant(members(*width).T)]), factors)


def ends(size: int, bins: int) -> list[tuple[int, int]]:
    """First and behind-the-last cell of each bin along one side."""
    return [(i * size // bins, -(-(i + 1) * size // bins)) for i in range(bins)]


def members(size: int, bins: int) -> np.ndarray:
    """(bins, size) float32: 1 where a cell belongs to a bin."""
    matrix = np.zeros((bins, size), np.float32)
    for i, (start, stop) in enumerate(ends(size, bins)):
        matrix[i, start:stop] = 1
    return matrix


def exact_scale(sources: Sequence[object]) -> Tensor | float | None:
    """The scale of the first input; None where that is not on a grid of 8 bits."""
    return sources[0].scale if sources and sources[0] is not None and sources[0].exact else None


def times(writer: Writer, y: str, factors: np.ndarray) -> str:
    """y times constants that broadcast; one that is the same everywhere is a scalar."""
    b = writer.builder
    if (factors == factors.flat[0]).all():
        return y if factors.flat[0] == 1 else b.op("Mul", [y, b.float(factors.flat[0])])
    return b.op("Mul", [y, b.constant(factors)])
