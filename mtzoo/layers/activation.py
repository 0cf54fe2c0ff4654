"""What ends a sum: nothing, a ReLU, a ReLU6, or a clamp to 0 ... 1."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Leaf
from mtzoo.layers.writer import Writer

Activation = Literal["none", "relu", "relu6", "unit"]
CEILINGS = {"none": None, "relu": None, "relu6": 6.0, "unit": 1.0}
UNIT_EXPONENT = -8
"""Of the scale of 0 ... 1 in 8 bits."""


class Activated(Leaf):
    """A leaf that ends in an `activation`: "none", "relu", "relu6", or "unit", the clamp to 0 ... 1 of a gate.

    A hard sigmoid is "unit" behind a convolution whose bias begins at 1/2, and costs nothing. Raises ValueError for any other.
    """

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        if activation not in CEILINGS:
            raise ValueError(f"activation={activation!r}: expected one of {', '.join(CEILINGS)}; others are a Table behind it")
        self.activation: Activation = activation

    @property
    def relu(self) -> bool:
        """Whether the result is never below 0."""
        return self.activation != "none"

    @property
    def ceiling(self) -> float | None:
        return CEILINGS[self.activation]

    def activate(self, y: Tensor) -> Tensor:
        """The activation of the sum, which it overwrites. A ReLU is left to the quantizer, if there is one."""
        if self.act_quant is not None:
            return y if self.ceiling is None else y.clamp(max=self.ceiling)
        if self.ceiling is not None:
            return F.hardtanh(y, 0.0, self.ceiling, inplace=True)  # one pass backward; two clamps take six
        return F.relu(y, inplace=True) if self.relu else y

    def emit_activation(self, writer: Writer, y: str) -> str:
        """The float tensor `y` behind the activation. A ceiling that 8 bits cannot pass needs no operator."""
        if not self.relu:
            return y
        quant = self.act_quant if writer.quantized else None
        if self.ceiling is None or quant is not None and quant.high * float(quant.scale) <= self.ceiling:
            return writer.builder.op("Relu", [y])
        return writer.builder.op("Clip", [y, writer.builder.float(0.0), writer.builder.float(self.ceiling)])
