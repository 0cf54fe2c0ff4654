"""The mean of a map weighted by a softmax over its cells (global context, arXiv 1904.11492)."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mtzoo.layers.leaf import Leaf, T
from mtzoo.layers.straight_through import straight_through
from mtzoo.layers.writer import FLOAT, INT32, Builder, Value, Writer
from mtzoo.ops.grid import Grid

WEIGHT = 255
"""What the largest logit weighs; the others round(255 e^-distance)."""
SUM_BITS = 16
"""Of the sum of weights that is kept: a weighted sum is then 24 bits long."""
DIVISOR_BITS, MEAN_BITS = 10, 5
"""Behind the leading one of the divisor and of its reciprocal; behind the point of what is divided. 1 + 10 + 5 + 8 = 24 bits."""
MOST_BITS = 24


class SoftmaxMean(Leaf):
    """forward(x (N, C, H, W), logits (N, 1, H, W)) -> (N, C, 1, 1): sum over H x W of softmax(logits) x.

    In integers, W is at most 258 and H W at most 65,793. Weights come from a table of 256, and the division is a product with a
    reciprocal from another table, so that nothing is divided: what executors divide differs in the last bit.
    """

    grid_rule = "own"
    latency_kind = "window"

    def compute(self, x: Tensor, logits: Tensor) -> Tensor:
        smooth = (x * torch.softmax(logits.flatten(2), 2).view_as(logits)).sum((2, 3), keepdim=True)
        if not self.in_integers:
            return smooth
        x_scale, scale = (source.scale for source in self.sources)
        with torch.no_grad():
            exact = weighted_mean(x.float() / x_scale, logits.float() / scale, weights(scale, x.device)) * x_scale
        return straight_through(exact, smooth)

    @property
    def in_integers(self) -> bool:
        """Whether it computes as the integer network does: it rounds, and what it reads is on grids of 8 bits."""
        return self.act_quant is not None and self.act_quant.enabled and len(self.sources) == 2 and all(
            source is not None and source.exact for source in self.sources)

    def signed(self, inputs: Sequence[bool]) -> bool:
        return inputs[0]

    def largest(self, inputs: Sequence[Grid], shapes: Sequence[tuple[int, ...]]) -> float:
        """Of a row's weighted sum, the sum of weights, and the product with the reciprocal."""
        height, width = shapes[0][2:]
        top = max(-inputs[0].low, inputs[0].high)
        mean = math.ceil((top + height * 2.0**-SUM_BITS) * 2**(MEAN_BITS + 1))  # the divisor begins with a one: twice the mean
        return max(WEIGHT * top * width, WEIGHT * height * width, mean * 2**DIVISOR_BITS * (1 + 2.0**-DIVISOR_BITS))

    def integer(self, xs: Sequence[Tensor], inputs: Sequence[Grid], output: Grid) -> Tensor:
        x, logits = (x.double() for x in xs)
        mean = weighted_mean(x, logits, weights(inputs[1].scale, x.device).double())
        return output.rounded(mean * inputs[0].scale.to(x.device))

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        x, logits = (writer.as_float(read) for read in reads)
        if writer.quantized and self.in_integers:
            y = _emit_integers(writer.builder, x, logits, *(float(source.scale) for source in self.sources))
        else:
            y = _emit_floats(writer.builder, x, logits)
        return writer.rounded(name, y, self.act_quant)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(inputs[0])

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ((channel, fixed) for channel in inputs[1])


def weights(scale: Tensor | float, device: torch.device) -> Tensor:
    """(256,) float32 integers: what a logit weighs that is 0, 1, ... steps of `scale` below the largest."""
    below = torch.arange(256, dtype=torch.float64, device=device) * torch.as_tensor(scale, dtype=torch.float64, device=device)
    return torch.round(WEIGHT * torch.exp(-below)).float()


def reciprocals() -> np.ndarray:
    """float32 integers 2^(2 DIVISOR_BITS + 1) / d, for divisors d from 2^DIVISOR_BITS to twice that."""
    divisors = np.arange(2**DIVISOR_BITS, 2**(DIVISOR_BITS + 1) + 1)
    return np.rint(2.0**(2 * DIVISOR_BITS + 1) / divisors).astype(np.float32)


def weighted_mean(x: Tensor, logits: Tensor, table: Tensor) -> Tensor:
    """(N, C, 1, 1) means in steps of x, before their last rounding. x, logits: integers as floats; table: of `weights`.

    The sum of weights lies in [2^k, 2^(k + 1)). A row's weighted sum loses its last k - 15 bits, so that the sum over all rows fits.
    """
    weight = table[(logits.amax((2, 3), keepdim=True) - logits).long()]
    divisor = weight.sum((2, 3), keepdim=True)
    k = torch.frexp(divisor).exponent - 1
    drop = (k - (SUM_BITS - 1)).clamp(min=0)
    total = torch.round(_shifted((x * weight).sum(3, keepdim=True), -drop)).sum(2, keepdim=True)
    mean = torch.round(_shifted(total, drop - k + MEAN_BITS))
    place = torch.round(_shifted(divisor, DIVISOR_BITS - k)).long() - 2**DIVISOR_BITS
    inverse = torch.from_numpy(reciprocals()).to(x)[place]
    return mean * inverse * 2.0**-(DIVISOR_BITS + MEAN_BITS + 1)


def _shifted(x: Tensor, bits: Tensor) -> Tensor:
    """x 2^bits, exact on every device."""
    return x * (1 << bits.clamp(min=0)) / (1 << (-bits).clamp(min=0))


def _emit_integers(b: Builder, x: str, logits: str, x_scale: float, scale: float) -> str:
    """`weighted_mean` of dequantized maps, times the step of x."""
    keep, rows, columns = {"keepdims": 1}, b.integers(2), b.integers(3)
    below = b.op("Sub", [b.op("ReduceMax", [logits], attributes={"axes": (2, 3), **keep}), logits])
    below = b.op("Cast", [b.op("Mul", [below, b.float(1 / scale)])], attributes={"to": INT32})
    weight = b.op("Gather", [b.constant(weights(scale, torch.device("cpu")).numpy()), below])
    divisor = b.op("ReduceSum", [weight, b.integers(2, 3)], attributes=keep)
    powers = b.constant(np.exp2(np.arange(1, MOST_BITS)).astype(np.float32).reshape(1, 1, 1, -1))
    at_least = b.op("Cast", [b.op("GreaterOrEqual", [divisor, powers])], attributes={"to": FLOAT})
    k = b.op("Cast", [b.op("ReduceSum", [at_least, columns], attributes=keep)], attributes={"to": INT32})
    every = np.arange(MOST_BITS)
    drop = np.maximum(every - (SUM_BITS - 1), 0)

    def shift(bits: np.ndarray) -> str:
        return b.op("Gather", [b.constant(np.exp2(bits).astype(np.float32)), k])

    sums = b.op("ReduceSum", [b.op("Mul", [x, weight]), columns], attributes=keep)
    sums = b.op("Round", [b.op("Mul", [sums, b.op("Mul", [shift(-drop), b.float(1 / x_scale)])])])
    total = b.op("ReduceSum", [sums, rows], attributes=keep)
    mean = b.op("Round", [b.op("Mul", [total, shift(drop - every + MEAN_BITS)])])
    place = b.op("Cast", [b.op("Round", [b.op("Mul", [divisor, shift(DIVISOR_BITS - every)])])], attributes={"to": INT32})
    inverse = b.op("Gather", [b.constant(reciprocals()), b.op("Sub", [place, b.constant(np.int32(2**DIVISOR_BITS))])])
    return b.op("Mul", [b.op("Mul", [mean, inverse]), b.float(x_scale * 2.0**-(DIVISOR_BITS + MEAN_BITS + 1))])


def _emit_floats(b: Builder, x: str, logits: str) -> str:
    keep, cells = {"keepdims": 1}, b.integers(2, 3)
    largest = b.op("ReduceMax", [logits], attributes={"axes": (2, 3), **keep})
    weight = b.op("Exp", [b.op("Sub", [logits, largest])])
    total = b.op("ReduceSum", [b.op("Mul", [x, weight]), cells], attributes=keep)
    return b.op("Div", [total, b.op("ReduceSum", [weight, cells], attributes=keep)])
