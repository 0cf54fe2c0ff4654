"""Elementwise functions of 8-bit maps: 256 answers, looked up."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Channelwise
from mtzoo.layers.straight_through import straight_through
from mtzoo.layers.writer import INT32, Builder, Value, Writer
from mtzoo.ops.grid import Grid

SQRT_2_PI = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class Function:
    """compute: the function of floats; write: the same as float ONNX operators; positive: its value is never below 0, else the sign is
    that of its input; fixed_exponent: of its scale, where its range is known."""

    compute: Callable[[Tensor], Tensor]
    write: Callable[[Builder, str], str]
    positive: bool = False
    fixed_exponent: int | None = None


def _gate(b: Builder, x: str) -> str:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return b.op("Clip", [b.op("Add", [b.op("Mul", [x, b.float(1 / 6)]), b.float(0.5)]), b.float(0.0), b.float(1.0)])


def _gelu(b: Builder, x: str) -> str:
    half = b.op("Mul", [x, b.float(0.5)])
    return b.op("Mul", [half, b.op("Add", [b.op("Erf", [b.op("Mul", [x, b.float(math.sqrt(0.5))])]), b.float(1.0)])])


def _gelu_tanh(b: Builder, x: str) -> str:
    cube = b.op("Mul", [b.op("Mul", [x, x]), b.op("Mul", [x, b.float(0.044715)])])
    inner = b.op("Tanh", [b.op("Mul", [b.op("Add", [x, cube]), b.float(SQRT_2_PI)])])
    return b.op("Mul", [b.op("Mul", [x, b.float(0.5)]), b.op("Add", [inner, b.float(1.0)])])


FUNCTIONS = {
    "sigmoid": Function(torch.sigmoid, lambda b, x: b.op("Sigmoid", [x]), True, -8),
    "hardsigmoid": Function(F.hardsigmoid, _gate, True, -8),
    "tanh": Function(torch.tanh, lambda b, x: b.op("Tanh", [x]), False, -7),
    "silu": Function(F.silu, lambda b, x: b.op("Mul", [x, b.op("Sigmoid", [x])])),
    "hardswish": Function(F.hardswish, lambda b, x: b.op("Mul", [x, _gate(b, x)])),
    "gelu": Function(F.gelu, _gelu),
    "gelu_tanh": Function(lambda x: F.gelu(x, approximate="tanh"), _gelu_tanh),
    "elu": Function(F.elu, lambda b, x: b.op("Elu", [x])),
    "leaky_relu": Function(lambda x: F.leaky_relu(x, 0.01), lambda b, x: b.op("LeakyRelu", [x], attributes={"alpha": 0.01})),
    "leaky_relu_0.1": Function(lambda x: F.leaky_relu(x, 0.1), lambda b, x: b.op("LeakyRelu", [x], attributes={"alpha": 0.1})),
    "softplus": Function(F.softplus, lambda b, x: b.op("Softplus", [x]), True),
    "mish": Function(F.mish, lambda b, x: b.op("Mul", [x, b.op("Tanh", [b.op("Softplus", [x])])])),
}


class Table(Channelwise):
    """function(x), elementwise. Of a quantized x it is a table of 256 integers, made in float64, that training, too, looks up.

    function: one of FUNCTIONS. Raises ValueError for any other.
    """

    grid_rule = "own"
    latency_kind = "table"

    def __init__(self, function: str) -> None:
        super().__init__()
        if function not in FUNCTIONS:
            raise ValueError(f"function={function!r}: expected one of {', '.join(FUNCTIONS)}")
        self.function = function

    @property
    def fixed_exponent(self) -> int | None:
        return FUNCTIONS[self.function].fixed_exponent

    @property
    def looks_up(self) -> bool:
        """Whether input and result are 8-bit integers, so that there is a table."""
        quant, source = self.act_quant, self.sources[0] if self.sources else None
        return quant is not None and quant.enabled and source is not None and source.exact and quant.exact

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        if not self.looks_up:
            return super().forward(x)
        y = self.compute(x)
        quant, source = self.act_quant, self.sources[0]
        if quant.observing and quant.training:
            quant.observe(y.detach())
        with torch.no_grad():
            places = (x / source.scale).round_().long() - source.low
            value = (self.table(float(source.scale), source.low, quant) * quant.scale).to(x.dtype)[places]
        return straight_through(value, y)

    def compute(self, x: Tensor) -> Tensor:
        return FUNCTIONS[self.function].compute(x)

    def table(self, scale: float, low: int, output: object) -> Tensor:
        """(256,) float32 integers of the result for inputs low, low + 1, ... in steps of `scale`. output: its scale, low and high."""
        step = torch.as_tensor(output.scale)
        x = torch.arange(low, low + 256, dtype=torch.float64, device=step.device) * scale
        return torch.round(self.compute(x) / step.double()).clamp(output.low, output.high).float()

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0] and not FUNCTIONS[self.function].positive

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        return 255.0  # nothing is added

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        table = self.table(float(inputs[0].scale), inputs[0].low, output).to(xs[0].device, output.dtype)
        return table[xs[0].long() - inputs[0].low]

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, source, value = writer.builder, self.sources[0] if self.sources else None, writer.value(reads[0])
        if not self.looks_up or not writer.quantized:
            return writer.rounded(name, FUNCTIONS[self.function].write(b, writer.as_float(reads[0])), self.act_quant)
        grid = writer.grid(name, self.act_quant)
        answers = self.table(float(source.scale), source.low, self.act_quant).cpu().numpy()
        answers = np.roll(answers, min(0, source.low + value.zero))  # a negative index counts from the end
        table = b.initializer(f"{name}.table", answers.astype(np.int8 if self.act_quant.low < 0 else np.uint8))
        return grid.moved(b.op("Gather", [table, b.op("Cast", [value.tensor], attributes={"to": INT32})], name))
