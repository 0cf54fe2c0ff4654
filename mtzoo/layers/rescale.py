"""A map on a grid of its own."""

from collections.abc import Iterable, Sequence

from torch import Tensor

from mtzoo.layers.activation import Activated, Activation
from mtzoo.layers.leaf import Channelwise, T
from mtzoo.layers.writer import Value, Writer, scaled_back, scaled_up
from mtzoo.ops.grid import Grid


class Rescale(Activated, Channelwise):
    """y = quantize(activation(x)), (N, C, H, W): a ReLU or a ReLU6 that stands alone, or a map that needs another scale than the
    layers which share one with it. activation: "none", "relu" or "relu6"; raises ValueError for another.
    """

    grid_rule = "own"
    latency_kind = "elementwise"

    def __init__(self, activation: Activation = "none") -> None:
        super().__init__(activation)

    def compute(self, x: Tensor) -> Tensor:
        return self.activate(x.clone())

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0] and not self.relu

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return inputs[0].largest / float(inputs[0].scale)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """ONNX Runtime makes one rounding of two that follow each other, and another number with it: a product parts them."""
        y = scaled_back(writer, scaled_up(writer, reads[0])) if writer.quantized else writer.as_float(reads[0])
        return writer.rounded(name, self.emit_activation(writer, y), self.act_quant)

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return () if self.ceiling is None else super().scale_ties(inputs, fixed)
