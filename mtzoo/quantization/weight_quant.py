"""Fake-quant of weights and biases, and what a sum of products needs to be exact."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.ops.fixed_point import fake_quantize, scale_for, sum_bound, to_integers
from mtzoo.ops.parts import Parts, plan_parts
from mtzoo.quantization.fake_quant import ActFakeQuant, ImageScale
from mtzoo.quantization.qconfig import QConfig

BIAS_LIMIT = EXACT_LIMIT - 1
WIDE_BIAS_LIMIT = 2**30 - 1
"""Of sums that are not exact anyway: an int32 with room for the products."""


class RoundWeights(torch.autograd.Function):
    """fake_quantize per output channel; the gradient passes unchanged: scales follow the weights, nothing is clipped."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, limit: int) -> Tensor:
        return fake_quantize(x, scale, -limit, limit)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad, None, None


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
        no_weight = torch.zeros_like(self.conv.weight[:, :1, :1, :1])
        return self._largest_sum(no_weight, self.conv.bias / self.source.scale, 1.0) / (EXACT_LIMIT // 2)

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
        if bool(self.frozen):
            parts = accumulator.parts(self.scale, self.limit) if may_be_wide else None
        else:
            largest = weight.abs().amax((1, 2, 3))
            wide = may_be_wide and self._loses_bits(self._scale(largest))
            scale, parts = self._in_parts(largest) if wide else (self._in_one(largest, exact), None)
            self.scale.copy_(scale)
        self.parts = parts if parts is not None and parts.count > 1 else None

    def _in_one(self, largest: Tensor, exact: bool) -> Tensor:
        """(C_out,) the scale for one sum. largest: (C_out,) |weight|; exact: the sum has to be."""
        accumulator = self.accumulator
        if accumulator is not None and accumulator.conv.bias is not None:
            largest = torch.maximum(largest, accumulator.weight_scale_that_fits() * self.limit)
        scale = self._scale(largest)
        if exact:
            fits = accumulator.fits_rounded(scale, self.limit)
            scale = torch.where(fits if self.per_channel else fits.all(), scale, 2 * scale)
        return scale

    def _in_parts(self, largest: Tensor) -> tuple[Tensor, Parts]:
        """(C_out,) the scale with which sums in parts are exact, and the parts."""
        scale = self._scale(torch.maximum(largest, self.accumulator.weight_scale_for_bias() * self.limit))
        while (parts := self.accumulator.parts(scale, self.limit)) is None:
            scale = 2 * scale
        return scale, parts

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
