"""Fake-quant modules: they hold the scales, `mtzoo.ops.fixed_point` does the arithmetic.

Scales and what observers remember are buffers, so that a checkpoint continues exactly. Whether a quantizer observes or
rounds at the moment is a mode, set by `mtzoo.quantization.prepare`, and no part of the state.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.ops.fixed_point import (
    EXACT_LIMIT,
    MIN_SCALE,
    asymmetric_grid,
    fake_quantize,
    fake_quantize_,
    scale_for,
    sum_bound,
    to_integers,
)
from mtzoo.ops.parts import Parts, plan_parts
from mtzoo.quantization.observers import build_observer
from mtzoo.quantization.qconfig import QConfig

BIAS_LIMIT = EXACT_LIMIT - 1
SCALE_OF_NOTHING = 2.0**-8
"""Of a map in which nothing but 0 was seen, such as the end of a residual branch whose BN begins with factors of 0: a range of 1."""
WIDE_BIAS_LIMIT = 2**30 - 1
"""Of sums that are not exact anyway: an int32 with room for the products."""


class RoundToGrid(torch.autograd.Function):
    """fake_quantize; the gradient passes where the result lies inside the range (straight-through estimator).

    The mask is read off the result, which the next convolution keeps anyway: nothing more is stored. An unsigned result of 0
    blocks the gradient, as a ReLU does.
    """

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, low: int, high: int, inplace: bool) -> Tensor:
        ctx.low, ctx.high = low, high
        if inplace:
            ctx.mark_dirty(x)
        y = fake_quantize_(x, scale, low, high) if inplace else fake_quantize(x, scale, low, high)
        ctx.save_for_backward(y, scale.clone())  # a shared scale may move between two layers of one pass
        return y

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        y, scale = ctx.saved_tensors
        if y.device.type == "cpu" and scale.dim() == 0:  # one pass; elsewhere reading the scale would stall the device
            step = scale.item()
            grad = torch.ops.aten.hardtanh_backward(grad, y, ctx.low * step, ctx.high * step)
        else:
            grad = grad * ((y > ctx.low * scale) & (y < ctx.high * scale))
        return grad, None, None, None, None


class RoundWeights(torch.autograd.Function):
    """fake_quantize per output channel; the gradient passes unchanged: scales follow the weights, nothing is clipped."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, limit: int) -> Tensor:
        return fake_quantize(x, scale, -limit, limit)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad, None, None


def smallest(signed: bool, bits: int) -> int:
    """Of the integers of a symmetric range."""
    return -2 ** (bits - 1) if signed else 0


class ActFakeQuant(nn.Module):
    """8 bits for a feature map, one scale, zero point 0: [0, 255] where a ReLU ends the producer, else [-128, 127]; or 16.

    fixed_exponent: of a scale that is known beforehand, with 8 bits. Stands for the ReLU as well. **Overwrites its input**, which no
    one else may need: passes over feature maps are what fake-quant costs, and in place they cost least.
    """

    def __init__(self, config: QConfig, *, signed: bool, symmetric: bool = True, fixed_exponent: int | None = None) -> None:
        super().__init__()
        self.signed, self.bits, self.fixed = signed, config.activation_bits, fixed_exponent is not None
        low = smallest(signed, self.bits)
        self.observer = build_observer(config, low, low + 2**self.bits - 1, symmetric=symmetric)
        scale = 2.0 ** (fixed_exponent - (self.bits - 8)) if self.fixed else 0.0  # 0: never observed
        self.register_buffer("scale", torch.tensor(scale))
        self.observing = self.enabled = False

    @property
    def low(self) -> int:
        """The smallest integer; value = integer * scale."""
        return smallest(self.signed, self.bits)

    @property
    def high(self) -> int:
        return self.low + 2**self.bits - 1

    @property
    def exact(self) -> bool:
        """Whether an integer network can hold its results."""
        return self.bits == 8

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), before the ReLU -> the same shape, on the grid if enabled."""
        if self.observing and self.training:  # an evaluation leaves no trace
            self.observe(x.detach())
        if self.enabled:
            return RoundToGrid.apply(x, self.scale, self.low, self.high, True)
        return x if self.signed else F.relu(x, inplace=True)

    def observe(self, x: Tensor) -> None:
        """Fit the scale to the range of what has been seen, `x` being the latest, unless it is fixed."""
        if not self.fixed:
            scale = self.observer.observe(x)
            self.scale.copy_(torch.where(scale > MIN_SCALE, scale, torch.full_like(scale, SCALE_OF_NOTHING)))

    def extra_repr(self) -> str:
        return f"range=[{self.low}, {self.high}], observing={self.observing}, enabled={self.enabled}"


class AsymmetricFakeQuant(ActFakeQuant):
    """A range from f_min to f_max with a zero point, for a feature map that does not end in a ReLU. Zero is a point of the grid.

    Stored integers are [0, 255] (or [0, 65535]); here they are counted from the zero point, as everywhere else.
    """

    def __init__(self, config: QConfig) -> None:
        super().__init__(config, signed=True, symmetric=False)
        self.register_buffer("zero_point", torch.zeros(()))  # the stored integer that means 0

    @property
    def low(self) -> int:
        return -int(self.zero_point)

    @property
    def exact(self) -> bool:
        return False

    def observe(self, x: Tensor) -> None:
        observer = self.observer
        scale, zero_point = asymmetric_grid(observer.follow(x), 2**self.bits - 1, power_of_two=observer.power_of_two)
        self.scale.copy_(scale)
        self.zero_point.copy_(zero_point)


def build_act_quant(config: QConfig, *, signed: bool, fixed_exponent: int | None = None) -> ActFakeQuant:
    """signed: the result may be below 0. Where it is not, f_min is 0, and the range is the same with and without symmetry."""
    if signed and fixed_exponent is None and not config.activation_symmetric:
        return AsymmetricFakeQuant(config)
    return ActFakeQuant(config, signed=signed, fixed_exponent=fixed_exponent)


@dataclass(frozen=True)
class ImageScale:
    """Stands where a convolution that reads the image would have an activation quantizer."""

    scale: float
    low: int
    high: int
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Accumulator:
    """What a convolution's sum is made of. No nn.Module: the parts are registered where they belong, here only named.

    source: quantizer of the input; skip: quantizer of what is added, or None; weight: this convolution's own.
    """

    conv: nn.Conv2d
    weight: "WeightFakeQuant"
    source: ActFakeQuant | ImageScale
    skip: ActFakeQuant | ImageScale | None

    @property
    def scale(self) -> Tensor:
        """(C_out,): the grid of products of an input and a weight, and so of the bias."""
        return self.weight.scale * self.source.scale

    @property
    def exact(self) -> bool:
        """Whether its sums are integers that float32 holds."""
        return self.weight.exact and self.source.exact and (self.skip is None or self.skip.exact)

    @property
    def bias_limit(self) -> int:
        """The largest integer of a bias."""
        return BIAS_LIMIT if self.exact else WIDE_BIAS_LIMIT

    def weight_scale_that_fits(self) -> Tensor:
        """(C_out,): from which weight scale on |sum| stays within the exact limit, whatever the input; of sums that are not
        exact, from which on the bias fits.

        A channel of tiny weights and a large bias (a dead one, usually) would else have a bias of billions of steps.
        """
        if not self.exact:
            return self.conv.bias.abs() / self.source.scale / self.bias_limit
        return self._largest_sum(self.conv.weight, self.conv.bias / self.source.scale, 1.0) / EXACT_LIMIT

    def weight_scale_for_bias(self) -> Tensor:
        """(C_out,): from which weight scale on the bias and the skip leave half of the exact limit to the weights."""
        return self._largest_sum(torch.zeros_like(self.conv.weight), self.conv.bias / self.source.scale, 1.0) / (EXACT_LIMIT // 2)

    def may_lose_bits(self, limit: int) -> bool:
        """Whether there are so many inputs that weights of up to `limit` could lose bits: most layers need no closer look."""
        return max(-self.source.low, self.source.high) * limit * self.conv.weight[0].numel() > EXACT_LIMIT

    def lost_bits(self, scale: Tensor, limit: int) -> Tensor:
        """(C_out,): how many bits the weights at a weight scale (C_out,) would have to lose for their sums alone to be exact."""
        weight = to_integers(self.conv.weight, scale.view(-1, 1, 1, 1), -limit, limit).double()
        largest = sum_bound(weight, torch.zeros_like(weight[:, 0, 0, 0]), (self.source.low, self.source.high))
        return torch.log2(largest / EXACT_LIMIT).ceil().clamp(min=0)

    def parts(self, scale: Tensor, limit: int) -> Parts | None:
        """How the sums are computed exactly once weights and bias are integers at a weight scale (C_out,); None: they cannot be."""
        step = scale * self.source.scale
        weight = to_integers(self.conv.weight, scale.view(-1, 1, 1, 1), -limit, limit)
        bias = to_integers(self.conv.bias, step, -self.bias_limit, self.bias_limit)
        ends, groups = (self.source.low, self.source.high), self.conv.groups
        if self.skip is None:
            return plan_parts(weight, bias, ends, groups=groups)
        skip_step = (self.skip.scale / step).double()
        return plan_parts(weight, bias, ends, (self.skip.low * skip_step, self.skip.high * skip_step), skip_step, groups)

    def fits_rounded(self, scale: Tensor, limit: int) -> Tensor:
        """(C_out,) bool: whether |sum| stays within the exact limit once weights and bias are integers at a weight scale (C_out,).

        Rounding moves a sum by up to half a step for each input.
        """
        weight = to_integers(self.conv.weight, scale.view(-1, 1, 1, 1), -limit, limit)
        bias = to_integers(self.conv.bias, scale * self.source.scale, -self.bias_limit, self.bias_limit)
        return self._largest_sum(weight, bias, scale) <= EXACT_LIMIT

    def _largest_sum(self, weight: Tensor, bias: Tensor, scale: Tensor | float) -> Tensor:
        """(C_out,) float64 `sum_bound`. scale: of the weights; bias in steps of scale * source scale."""
        step = scale * self.source.scale
        skip = (0, 0) if self.skip is None else tuple(end * self.skip.scale / step for end in (self.skip.low, self.skip.high))
        return sum_bound(weight.double(), bias.double(), (self.source.low, self.source.high), skip)


class WeightFakeQuant(nn.Module):
    """int8 weights, symmetric, a scale per output channel: the finest that clips nothing and keeps the sum exact; or int16.

    The scale follows the weights until `frozen`. parts: how a layer whose weights would lose bits in one exact sum is computed; None
    for all others.
    """

    def __init__(self, config: QConfig, out_channels: int) -> None:
        super().__init__()
        self.limit = 2 ** (config.weight_bits - 1) - 1
        self.power_of_two, self.per_channel = config.power_of_two, config.weight_granularity == "channel"
        self.max_lost_bits = config.max_lost_bits
        self.parts: Parts | None = None
        self.register_buffer("scale", torch.ones(out_channels))
        self.register_buffer("frozen", torch.zeros((), dtype=torch.bool))
        self.accumulator: Accumulator | None = None  # None: the input is not quantized
        self.enabled = False

    @property
    def exact(self) -> bool:
        """Whether an integer network can hold these weights."""
        return self.power_of_two and self.limit < 2**7

    @torch.no_grad()
    def refresh(self, weight: Tensor) -> None:
        """Fit the scale to `weight` (C_out, C_in / groups, k, k), unless frozen, and decide on the parts."""
        accumulator = self.accumulator
        exact = accumulator is not None and accumulator.conv.bias is not None and accumulator.exact
        may_be_wide = exact and accumulator.conv.groups == 1 and accumulator.may_lose_bits(self.limit)
        wide = may_be_wide
        if not bool(self.frozen):
            largest = weight.abs().amax((1, 2, 3))
            wide = may_be_wide and self._loses_bits(self._scale(largest))
            self.scale.copy_(self._fitted(largest, exact, wide))
        parts = accumulator.parts(self.scale, self.limit) if wide else None
        self.parts = parts if parts is not None and parts.count > 1 else None

    def _fitted(self, largest: Tensor, exact: bool, wide: bool) -> Tensor:
        """(C_out,) the scale. largest: (C_out,) |weight|; exact: the sum has to be; wide: it is computed in parts."""
        accumulator = self.accumulator
        if accumulator is not None and accumulator.conv.bias is not None:
            fits = accumulator.weight_scale_for_bias() if wide else accumulator.weight_scale_that_fits()
            largest = torch.maximum(largest, fits * self.limit)
        scale = self._scale(largest)
        if wide:
            while accumulator.parts(scale, self.limit) is None:
                scale = 2 * scale
        elif exact:
            fits = accumulator.fits_rounded(scale, self.limit)
            scale = torch.where(fits if self.per_channel else fits.all(), scale, 2 * scale)
        return scale

    def _scale(self, largest: Tensor) -> Tensor:
        if not self.per_channel:
            largest = largest.amax().expand_as(largest)
        return scale_for(largest, self.limit, power_of_two=self.power_of_two)

    def _loses_bits(self, scale: Tensor) -> bool:
        """Whether one exact sum would cost the weights more than they may lose."""
        return float(self.accumulator.lost_bits(scale, self.limit).mean()) > self.max_lost_bits

    def forward(self, weight: Tensor) -> Tensor:
        if not self.enabled:
            self.parts = None
            return weight
        self.refresh(weight)
        return RoundWeights.apply(weight, self.scale.view(-1, 1, 1, 1), self.limit)


class BiasFakeQuant(nn.Module):
    """int32 bias on the grid of the sum it starts: input scale * weight scale."""

    def __init__(self, accumulator: Accumulator) -> None:
        super().__init__()
        self.accumulator = accumulator
        self.enabled = False

    def forward(self, bias: Tensor) -> Tensor:
        if not self.enabled:
            return bias
        return RoundWeights.apply(bias, self.accumulator.scale, self.accumulator.bias_limit)
