"""Fake-quant of feature maps: the modules hold the scales, `mtzoo.ops.fixed_point` does the arithmetic.

Scales and what observers remember are buffers, so that a checkpoint continues exactly. Whether a quantizer observes or
rounds at the moment is a mode, set by `mtzoo.quantization.prepare`, and no part of the state.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.ops.fixed_point import (
    MIN_SCALE,
    asymmetric_grid,
    fake_quantize,
    fake_quantize_,
)
from mtzoo.quantization.observers import build_observer
from mtzoo.quantization.qconfig import QConfig

SCALE_OF_NOTHING = 2.0**-8
"""Of a map in which nothing but 0 was seen, such as the end of a residual branch whose BN begins with factors of 0: a range of 1."""


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
