"""What a leaf needs to write itself as ONNX. `mtzoo.deploy` has the only implementation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from torch import Tensor, nn

APART = 4.0
"""A power of two: products with it round nothing."""
FLOAT, INT32 = 1, 6
"""ONNX's numbers of these types."""
Attribute = int | float | str | Sequence[int] | Sequence[float]


@dataclass(frozen=True)
class Value:
    """A result: `tensor` holds floats, or integers of one grid: float = (tensor - zero_point) * scale.

    scale, zero_point: names of constants, None for floats; grid: (scale, smallest integer), what makes two of them one; zero: the
    stored integer that means 0.
    """

    tensor: str
    scale: str | None = None
    zero_point: str | None = None
    grid: tuple[float, int] | None = None
    zero: int = 0

    def moved(self, tensor: str) -> "Value":
        """The same integers in another order or number."""
        return replace(self, tensor=tensor)


class Builder(Protocol):
    """Operators and constants, by name; see `mtzoo.deploy.builder.GraphBuilder`."""

    def op(self, kind: str, inputs: Sequence[str], name: str = "", attributes: Mapping[str, Attribute] | None = None) -> str: ...

    def initializer(self, name: str, value: np.ndarray) -> str: ...

    def constant(self, value: np.ndarray | np.generic) -> str: ...

    def integers(self, *values: int) -> str: ...

    def float(self, value: float) -> str: ...

    def upsample_nearest(self, x: str, factor: int | tuple[int, int], name: str) -> str: ...

    def resize_linear(self, x: str, factor: int, name: str) -> str: ...


class Writer(Protocol):
    """A network on its way to ONNX. quantized: with its quantizers, else the float network they stand on."""

    builder: Builder
    quantized: bool

    def value(self, read: str) -> Value:
        """A result as it is: integers where it has a grid."""

    def as_float(self, read: str) -> str:
        """A result as a float tensor."""

    def rounded(self, name: str, y: str, quantizer: nn.Module | None) -> Value:
        """The float tensor `y` on the grid of a quantizer; as it is without one, or where nothing is quantized."""

    def grid(self, name: str, quantizer: nn.Module) -> Value | None:
        """The constants of a quantizer's grid, stored for the result `name`, without a tensor; None for 16 bits, which move as
        floats."""

    def shape(self, read: str) -> tuple[int, ...]:
        """(N, C, H, W) of a result."""


def scaled_up(writer: Writer, read: str) -> str:
    """A result as float tensor, times APART. Behind `scaled_back` it is the same again.

    Some runtimes simplify what lies between DequantizeLinear and QuantizeLinear, and round elsewhere then; a product ends that.
    """
    source, b = writer.value(read), writer.builder
    if source.grid is None:
        return b.op("Mul", [source.tensor, b.float(APART)])
    return b.op("DequantizeLinear", [source.tensor, b.float(APART * source.grid[0]), source.zero_point])


def scaled_back(writer: Writer, y: str) -> str:
    """A float tensor divided by APART."""
    return writer.builder.op("Mul", [y, writer.builder.float(1 / APART)])


def whole_times_scale(writer: Writer, value: Value) -> str:
    """A result as float tensor by Cast, Round and Mul, which change no integer, in place of DequantizeLinear in front of a sum.

    Behind DequantizeLinear, OpenVINO's low-precision passes (2026.4) move scales through the sum, and a convolution in front of it
    takes the sum in before it has rounded. Where int8 kernels run (VNNI, AMX), most values of such sums came out wrong, and with a skip
    of a layer in parts some of ResNet-18's a step off. The passes do not see through Round.
    """
    b = writer.builder
    if value.grid is None:
        return value.tensor
    integers = b.op("Cast", [value.tensor], attributes={"to": FLOAT})
    if value.zero:
        integers = b.op("Sub", [integers, b.float(value.zero)])
    return b.op("Mul", [b.op("Round", [integers]), b.float(value.grid[0])])


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Detached, on the host, contiguous in the usual order."""
    return tensor.detach().cpu().contiguous().numpy()
