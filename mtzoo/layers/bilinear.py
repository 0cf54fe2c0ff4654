"""Bilinear enlargement by a power of two, exact in integers."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Homogeneous
from mtzoo.layers.writer import Value, Writer, scaled_back, scaled_up
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.grid import Grid


class UpsampleBilinear(Homogeneous):
    """(N, C, H, W) -> (N, C, factor H, factor W), half-pixel centres (PyTorch's align_corners=False), one rounding.

    factor: 2, 4, 8 or 16; raises ValueError for any other, for which Enlarge stands: only weights that are multiples of 1 / (2 factor)
    of a power of two are exact in every runtime.
    """

    grid_rule = "own"
    latency_kind = "resize"

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        if factor not in FACTORS[1:]:
            raise ValueError(f"factor={factor}: expected one of {', '.join(map(str, FACTORS[1:]))}; Enlarge takes any size")
        self.factor = factor

    def compute(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=float(self.factor), mode="bilinear", align_corners=False)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0]

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return 2.0 ** bilinear_bits(self.factor) * inputs[0].largest / float(inputs[0].scale)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """Behind a product: where QuantizeLinear follows a linear Resize at once, ONNX Runtime before 1.28 drops it, resizes the 8-bit
        integers and truncates, and half of them are off by one."""
        b = writer.builder
        if not writer.quantized:
            return Value(b.resize_linear(writer.as_float(reads[0]), self.factor, name))
        return writer.rounded(name, scaled_back(writer, b.resize_linear(scaled_up(writer, reads[0]), self.factor, "")), self.act_quant)
