"""Quantizer arithmetic, once: fake-quant (floats on a grid) and the integer network both call it.

A grid is a scale: value = integer * scale. Scales are powers of two unless said otherwise. Rounding is half to even
everywhere, which is what IEEE arithmetic, `torch.round` and ONNX QuantizeLinear do.
"""

import torch
from torch import Tensor

from mtzoo.errors import UserError

MIN_SCALE = 2.0**-32  # of something that is always zero


_MANTISSA = 2**52 - 1  # bits of a float64 below its exponent


def power_of_two_at_least(x: Tensor) -> Tensor:
    """The power of two at or above each x >= 0 (float64), at least MIN_SCALE. Exact: it works on the float's bits."""
    bits = x.clamp_min(MIN_SCALE).view(torch.int64)
    return ((bits + _MANTISSA) & ~_MANTISSA).view(torch.float64)  # any mantissa but 0 carries into the exponent


def scale_for(abs_max: Tensor, qmax: int, *, power_of_two: bool) -> Tensor:
    """float32 scale at which `abs_max` still fits into `qmax` steps. A power of two is rounded up: nothing is clipped."""
    scale = abs_max.double() / qmax
    return (power_of_two_at_least(scale) if power_of_two else scale.clamp_min(MIN_SCALE)).float()


def asymmetric_grid(ends: Tensor, steps: int, *, power_of_two: bool) -> tuple[Tensor, Tensor]:
    """(scale, offset) of a range with zero inside. ends: [-f_min, f_max], both >= 0; steps: q_range, 255 for 8 bits.

    scale = f_range / q_range, offset = round(0 - f_min / scale), clamped; float = (integer - offset) * scale. Both float32.
    """
    scale = scale_for(ends.sum(), steps, power_of_two=power_of_two)
    return scale, torch.round(ends[0] / scale).clamp(0, steps)


def exponent_of(scale: Tensor) -> Tensor:
    """int32 e with scale = 2^e. Raises UserError if a scale is not a power of two."""
    mantissa, exponent = torch.frexp(scale)
    if not bool((mantissa == 0.5).all()):
        raise UserError("a scale is not a power of two: the file was changed; use another one")
    return exponent.to(torch.int32) - 1


def sum_bound(weight: Tensor, bias: Tensor, ends: tuple[float, float], skip: tuple[Tensor | float, Tensor | float] = (0, 0)) -> Tensor:
    """(C_out,) the largest |sum| of any part of bias + skip + weight * x, in whatever order it is added up.

    weight: (C_out, C_in / groups, k, k); bias: (C_out,), in steps of a product; ends: the smallest and the largest x, around 0; skip:
    the smallest and the largest value that is added, in the same steps. Positive and negative terms bound a sum from above and from
    below: for x in [0, 255] it lies within 255 times the larger of the two sums of weights, half of what sum |w| would say.
    """
    low, high = ends
    positive, negative = weight.clamp(min=0).sum((1, 2, 3)), (-weight).clamp(min=0).sum((1, 2, 3))
    above = high * positive - low * negative + bias.clamp(min=0) + skip[1]
    below = high * negative - low * positive + (-bias).clamp(min=0) - skip[0]
    return torch.maximum(above, below)


def to_integers(x: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """round(x / scale), clamped to [low, high]; still in x's dtype."""
    return torch.clamp(torch.round(x / scale), low, high)


def fake_quantize(x: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """x moved to the nearest point of its grid, same dtype. Exact also in bfloat16, which holds every 8-bit integer."""
    return to_integers(x, scale, low, high) * scale


def fake_quantize_(x: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """The same in x's own memory: the passes over a feature map cost less than fresh memory for their results."""
    return x.div_(scale).round_().clamp_(low, high).mul_(scale)


def shift_right_half_even(x: Tensor, bits: Tensor) -> Tensor:
    """round(x / 2^bits) on int32, half to even. |x| < 2^24, bits >= 0 (any); broadcasting."""
    bits = bits.clamp_max(30)  # x is below 2^24: a longer shift gives the same 0
    odd = (x >> bits) & 1
    nudge = ((1 << bits) >> 1) - 1 + odd  # just under a half, or a half if the result would be odd
    return torch.where(bits > 0, (x + nudge) >> bits, x)


def requantize(x: Tensor, shift: Tensor, low: int, high: int) -> Tensor:
    """clamp(round(x * 2^-shift), low, high) on int32, |x| < 2^24. shift may be negative: the result's grid is finer."""
    rounded = shift_right_half_even(x, shift.clamp_min(0)).clamp(low, high)
    return (rounded << (-shift).clamp(0, 16)).clamp(low, high)  # clamped before, so that nothing overflows
