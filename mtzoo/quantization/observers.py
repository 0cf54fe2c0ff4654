"""What range do activations take? An observer looks at batches and proposes a scale; its memory is in buffers."""

import math

import torch
from torch import Tensor, nn

from mtzoo.ops.fixed_point import fake_quantize, scale_for
from mtzoo.quantization.qconfig import QConfig

SAMPLES = 2**16  # values of a feature map that the percentile and MSE observers look at
MSE_EXPONENTS = range(-16, 5)  # scales the MSE observer chooses among


def abs_max(x: Tensor, *, signed: bool) -> Tensor:
    """() float32; of relu(x) if unsigned. `amax` and `amin`, because |x| would copy the map and `aminmax` is far slower."""
    largest = x.amax().float()
    return torch.maximum(largest, -x.amin().float()) if signed else largest.clamp_min(0)


def ends(x: Tensor) -> Tensor:
    """[-min, max], (2,) float32, both at least 0: zero lies inside every range."""
    return torch.stack([-x.amin(), x.amax()]).float().clamp_min(0)


def sample(x: Tensor, *, signed: bool) -> Tensor:
    """At most SAMPLES values of x, or of relu(x) if unsigned, evenly spread: the same for the same input. (S,) float32."""
    flat = x.permute(0, *range(2, x.dim()), 1).reshape(-1)  # memory order of channels_last: no copy
    step = -(-flat.numel() // SAMPLES)
    while math.gcd(step, x.shape[1]) > 1:  # else it would always meet the same channels
        step += 1
    values = flat[::step].float()
    return values if signed else values.relu()


class RangeObserver(nn.Module):
    """Follows the range of a feature map: () its abs max, or [-min, max] (2,) if it is asymmetric. 0: nothing seen."""

    def __init__(self, qmin: int, qmax: int, *, power_of_two: bool, symmetric: bool) -> None:
        super().__init__()
        self.signed, self.qmax, self.power_of_two, self.symmetric = qmin < 0, qmax, power_of_two, symmetric
        self.register_buffer("value", torch.zeros(()) if symmetric else torch.zeros(2))

    def observe(self, x: Tensor) -> Tensor:
        """One more batch, or one more source's part of it; returns the scale () that a symmetric range so far asks for."""
        return scale_for(self.follow(x), self.qmax, power_of_two=self.power_of_two)

    def follow(self, x: Tensor) -> Tensor:
        """The same, but returns the range so far."""
        raise NotImplementedError

    def batch_range(self, x: Tensor) -> Tensor:
        return abs_max(x, signed=self.signed) if self.symmetric else ends(x)


class AbsMaxObserver(RangeObserver):
    """The largest range ever seen."""

    def follow(self, x: Tensor) -> Tensor:
        return self.value.copy_(torch.maximum(self.value, self.batch_range(x)))


class MovingAverageObserver(RangeObserver):
    """Moving average of each batch's range, or of one that leaves out what lies beyond a percentile.

    sources: how many layers share this observer. A batch's range is the widest of theirs, so the average moves once all
    of them have been seen. counted: how many batches a calibration has seen, None outside of one. While they are few, their average is
    their mean: at a rate of 0.9, the first of ten batches would count for 39 %.
    """

    def __init__(self, qmin: int, qmax: int, *, power_of_two: bool, symmetric: bool, rate: float,
                 percentile: float | None = None) -> None:
        super().__init__(qmin, qmax, power_of_two=power_of_two, symmetric=symmetric)
        self.rate, self.percentile = rate, percentile
        self.sources, self._seen, self._largest = 1, 0, torch.zeros(())
        self.counted: int | None = None

    def follow(self, x: Tensor) -> Tensor:
        found = self.batch_range(x)
        self._largest = found if self._seen == 0 else torch.maximum(self._largest, found)
        self._seen = (self._seen + 1) % self.sources
        rate = self.rate if self.counted is None else min(self.rate, self.counted / (self.counted + 1))
        value = torch.where(self.value == 0, self._largest, torch.lerp(self._largest, self.value, rate))
        if self._seen == 0:
            self.value.copy_(value)
            self.counted = None if self.counted is None else self.counted + 1
        return value

    def batch_range(self, x: Tensor) -> Tensor:
        if self.percentile is None:
            return super().batch_range(x)
        values, share = sample(x, signed=self.signed), self.percentile / 100
        if self.symmetric:
            return torch.quantile(values.abs(), share)
        return torch.stack([-torch.quantile(values, 1 - share), torch.quantile(values, share)]).clamp_min(0)


class MSEObserver(nn.Module):
    """The power of two with the least squared rounding and clipping error over all batches seen; where the coarsest has it, that which
    holds all values."""

    def __init__(self, qmin: int, qmax: int) -> None:
        super().__init__()
        self.qmin, self.qmax = qmin, qmax
        finer = (qmax - qmin + 1).bit_length() - 9  # 8 with 16 bits, which cover the same ranges in finer steps
        self.exponents = [e - finer for e in MSE_EXPONENTS]
        self.register_buffer("errors", torch.zeros(len(MSE_EXPONENTS)))
        self.register_buffer("largest", torch.zeros(()), persistent=False)  # |value|

    def observe(self, x: Tensor) -> Tensor:
        """One more batch; returns the scale () with the least error so far."""
        values = sample(x, signed=self.qmin < 0)
        self.largest.copy_(torch.maximum(self.largest, values.abs().amax()))
        scales = [torch.tensor(2.0**e, device=x.device) for e in self.exponents]
        self.errors += torch.stack([(fake_quantize(values, s, self.qmin, self.qmax) - values).square().mean()
                                    for s in scales])
        best = self.errors.argmin()
        holds_all = torch.maximum(scale_for(self.largest, self.qmax, power_of_two=True), scales[-1])
        return torch.where(best == len(scales) - 1, holds_all, torch.stack(scales)[best])


def build_observer(config: QConfig, qmin: int, qmax: int, *, symmetric: bool = True) -> nn.Module:
    """The observer a config names."""
    if config.observer == "mse":
        return MSEObserver(qmin, qmax)
    if config.observer == "abs_max":
        return AbsMaxObserver(qmin, qmax, power_of_two=config.power_of_two, symmetric=symmetric)
    percentile = config.percentile if config.observer == "percentile" else None
    return MovingAverageObserver(qmin, qmax, power_of_two=config.power_of_two, symmetric=symmetric, rate=config.moving_rate,
                                 percentile=percentile)
