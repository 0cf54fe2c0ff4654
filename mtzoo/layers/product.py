"""Products of maps: what gates and attention are made of."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from mtzoo.layers.broadcast import meeting_channels, widest
from mtzoo.layers.leaf import Leaf, T
from mtzoo.layers.writer import Value, Writer
from mtzoo.ops.grid import Grid


class Product(Leaf):
    """y = quantize(x * gate), one rounding: forward(x, gate), two (N, C, H, W) maps of any grids.

    A gate (N, C, 1, 1) or (N, 1, H, W) holds for every place or every channel, and so does such an x.
    """

    grid_rule = "own"
    latency_kind = "elementwise"

    def compute(self, x: Tensor, gate: Tensor) -> Tensor:
        return x * gate

    def signed(self, inputs: Sequence[bool]) -> bool:
        return any(inputs)

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        x, gate = inputs
        return x.largest / float(x.scale) * gate.largest / float(gate.scale)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        y = writer.builder.op("Mul", [writer.as_float(read) for read in reads])
        return writer.rounded(name, y, self.act_quant)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(widest(inputs))

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return meeting_channels(inputs, fixed)

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        """The channels of the result may be scaled by what makes them; the other factor stays."""
        scaled = max(range(len(inputs)), key=lambda i: len(inputs[i]))
        return [(channel, fixed) for i, channels in enumerate(inputs) if i != scaled for channel in channels]


class Mix(Leaf):
    """y = quantize(x * a + y * (1 - a)), one rounding: forward(x, y, a), maps of any grids that meet as in Product.

    a has to lie within [0, 1], as what a sigmoid gives does: the result of two maps that are never below 0 is taken to be none either.
    """

    grid_rule = "own"
    latency_kind = "elementwise"

    def compute(self, x: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return x * a + y * (1 - a)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return any(inputs)

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        """1 is a point of the grid that `1 - a` lies on, be it finer than that of `a` or not."""
        x, y, a = inputs
        scale = float(a.scale)
        rest = max(abs(1 - a.low * scale), abs(1 - a.high * scale))
        return (x.largest * a.largest + y.largest * rest) / min(scale, 1.0) / min(float(x.scale), float(y.scale))

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, (x, y, a) = writer.builder, [writer.as_float(read) for read in reads]
        first, second = b.op("Mul", [x, a]), b.op("Mul", [y, b.op("Sub", [b.float(1.0), a])])
        return writer.rounded(name, b.op("Add", [first, second]), self.act_quant)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(widest(inputs))

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return meeting_channels(inputs, fixed)
