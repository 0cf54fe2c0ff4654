"""Constant cells around a map whose channels have different zeros."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.conv import Size, sides
from mtzoo.layers.leaf import Channelwise
from mtzoo.layers.writer import Value, Writer


class Border(Channelwise):
    """(N, C, H, W) -> (N, C, H + top + bottom, W + left + right): around each channel cells of its own value. Integers only move.

    What a convolution with zeros around its map is, once a mean has been folded into its weights: then 0 stands for the mean colour.
    padding: one number, (height, width), or (top, left, bottom, right). values: (C,) multiples of the step of the map it reads.
    """

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, padding: Size, values: Sequence[float]) -> None:
        super().__init__()
        self.pads, self.values = sides(padding), tuple(float(value) for value in values)

    def compute(self, x: Tensor) -> Tensor:
        top, left, bottom, right = self.pads
        if len(self.values) != x.shape[1]:
            raise ValueError(f"{len(self.values)} values for {x.shape[1]} channels")
        inside = F.pad(torch.ones_like(x[:1, :1]), (left, right, top, bottom))
        values = x.new_tensor(self.values).view(1, -1, 1, 1)
        return F.pad(x, (left, right, top, bottom)) + (1 - inside) * values

    def integer(self, xs: Sequence[Tensor], inputs: Sequence, output: object) -> Tensor:
        """In steps of the map."""
        top, left, bottom, right = self.pads
        steps = [round(value / float(inputs[0].scale)) for value in self.values]
        padded = [F.pad(channel, (left, right, top, bottom), value=step) for channel, step in zip(xs[0].split(1, dim=1), steps)]
        return torch.cat(padded, 1)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """One Pad where all values are one; else each channel is padded by itself."""
        b, source = writer.builder, writer.value(reads[0])
        top, left, bottom, right = self.pads
        amounts = b.integers(0, 0, top, left, 0, 0, bottom, right)
        if len(set(self.values)) == 1:
            return source.moved(b.op("Pad", [source.tensor, amounts, self._stored(writer, source, self.values[0])], name))
        planes = []
        for channel, value in enumerate(self.values):
            plane = b.op("Slice", [source.tensor, b.integers(channel), b.integers(channel + 1), b.integers(1)])
            planes.append(b.op("Pad", [plane, amounts, self._stored(writer, source, value)]))
        return source.moved(b.op("Concat", planes, name, {"axis": 1}))

    @staticmethod
    def _stored(writer: Writer, source: Value, value: float) -> str:
        """The constant of a value as the map's tensor holds it."""
        if source.grid is None:
            return writer.builder.float(value)
        stored = round(value / source.grid[0]) + source.zero
        return writer.builder.constant((np.int8 if source.grid[1] < 0 and source.zero == 0 else np.uint8)(stored))
