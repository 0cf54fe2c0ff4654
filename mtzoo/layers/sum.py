"""Sums of maps."""

from collections.abc import Iterable, Sequence
from functools import reduce

import torch
from torch import Tensor

from mtzoo.layers.activation import Activated, Activation
from mtzoo.layers.broadcast import meeting_channels, widest
from mtzoo.layers.leaf import T
from mtzoo.layers.writer import Value, Writer, whole_times_scale
from mtzoo.ops.grid import Grid


class Sum(Activated):
    """y = quantize(activation(x1 + x2 + ...)), one rounding, whatever the grids of the inputs are.

    Two or more (N, C, H, W) maps; (N, C, 1, 1) and (N, 1, H, W) are added at every place and to every channel. activation: "none",
    "relu" or "relu6"; raises ValueError for another. A sum with what a convolution gives costs less as that convolution's skip.
    """

    grid_rule = "own"
    latency_kind = "elementwise"

    def __init__(self, activation: Activation = "none") -> None:
        super().__init__(activation)

    def compute(self, *xs: Tensor) -> Tensor:
        return self.activate(reduce(torch.add, xs))

    def signed(self, inputs: Sequence[bool]) -> bool:
        return any(inputs) and not self.relu

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return sum(grid.largest for grid in inputs) / min(float(grid.scale) for grid in inputs)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        terms = [whole_times_scale(writer, writer.value(read)) if writer.quantized else writer.as_float(read) for read in reads]
        y = reduce(lambda a, b: writer.builder.op("Add", [a, b]), terms)
        return writer.rounded(name, self.emit_activation(writer, y), self.act_quant)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(widest(inputs))

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return meeting_channels(inputs, fixed)

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        if self.ceiling is not None or len({len(channels) for channels in inputs}) > 1:
            return super().scale_ties(inputs, fixed)
        return meeting_channels(inputs, fixed)
