"""Channels of several maps side by side."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mtzoo.layers.leaf import Leaf, T
from mtzoo.layers.writer import Value, Writer
from mtzoo.ops.grid import Grid


class Concat(Leaf):
    """Channel concatenation. The layers that feed it share one activation quantizer where that costs nothing (see
    `mtzoo.graph.sharing`); else every input is rounded to a grid of the Concat's own."""

    grid_rule = "join"
    latency_kind = "move"

    def compute(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=1)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return any(inputs)

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return 255.0  # nothing is added

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        moved = [x if grid.same_as(output) else super(Concat, self).integer([x], [grid], output)
                 for x, grid in zip(xs, inputs, strict=True)]
        return torch.cat(moved, dim=1)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """Inputs on one grid as the integers they are. With layers left in float they may be on several: then all as floats."""
        b, sources = writer.builder, [writer.value(read) for read in reads]
        if self.act_quant is not None and writer.quantized:
            return self._rounded(writer, name, reads, sources)
        if len({(source.grid, source.zero_point) for source in sources}) > 1:
            return Value(b.op("Concat", [writer.as_float(read) for read in reads], name, {"axis": 1}))
        return sources[0].moved(b.op("Concat", [source.tensor for source in sources], name, {"axis": 1}))

    def _rounded(self, writer: Writer, name: str, reads: Sequence[str], sources: Sequence[Value]) -> Value:
        """Only what lies on another grid is rounded."""
        b, grid = writer.builder, writer.grid(name, self.act_quant)
        if grid is None:
            y = b.op("Concat", [writer.as_float(read) for read in reads], attributes={"axis": 1})
            return writer.rounded(name, y, self.act_quant)
        tensors = [source.tensor if (source.grid, source.zero_point) == (grid.grid, grid.zero_point)
                   else b.op("QuantizeLinear", [writer.as_float(read), grid.scale, grid.zero_point])
                   for read, source in zip(reads, sources)]
        return grid.moved(b.op("Concat", tensors, name, {"axis": 1}))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return [channel for channels in inputs for channel in channels]

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()
