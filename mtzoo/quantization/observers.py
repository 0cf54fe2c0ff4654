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


def sample(x: Tensor, *, signed: bool) -> Tensor:
    """At most SAMPLES values of x, or of relu(x) if unsigned, evenly spread: the same for the same input. (S,) float32."""
    flat = x.permute(0, *range(2, x.dim()), 1).reshape(-1)  # memory order of channels_last: no copy
    step = -(-flat.numel() // SAMPLES)
    while math.gcd(step, x.shape[1]) > 1:  # else it would always meet the same channels
        step += 1
    values = flat[::step].float()
    return values if signed else values.relu()


class AbsMaxObserver(nn.Module):
    """The largest value ever seen."""

    def __init__(self, qmin: int, qmax: int, *, power_of_two: bool) -> None:
        super().__init__()
        self.signed, self.qmax, self.power_of_two = qmin < 0, qmax, power_of_two
        self.register_buffer("value", torch.zeros(()))  # abs max so far; 0: nothing seen

    def observe(self, x: Tensor) -> Tensor:
        """One more batch; returns the scale () that the range so far asks for."""
        self.value.copy_(torch.maximum(self.value, abs_max(x, signed=self.signed)))
        return scale_for(self.value, self.qmax, power_of_two=self.power_of_two)


class MovingAverageObserver(nn.Module):
    """Moving average of each batch's abs max, or of a percentile of |x|.

    sources: how many layers share this observer. A batch's figure is the largest of theirs, so the average moves once all
    of them have been seen.
    """

    def __init__(self, qmin: int, qmax: int, *, power_of_two: bool, rate: float, percentile: float | None = None) -> None:
        super().__init__()
        self.signed, self.qmax, self.power_of_two = qmin < 0, qmax, power_of_two
        self.rate, self.percentile = rate, percentile
        self.sources, self._seen, self._largest = 1, 0, torch.zeros(())
        self.register_buffer("value", torch.zeros(()))  # the average; 0: nothing seen

    def observe(self, x: Tensor) -> Tensor:
        """One more source's part of a batch; returns the scale () that the range so far asks for."""
        found = self._figure(x)
        self._largest = found if self._seen == 0 else torch.maximum(self._largest, found)
        self._seen = (self._seen + 1) % self.sources
        value = torch.where(self.value == 0, self._largest, torch.lerp(self._largest, self.value, self.rate))
        if self._seen == 0:
            self.value.copy_(value)
        return scale_for(value, self.qmax, power_of_two=self.power_of_two)

    def _figure(self, x: Tensor) -> Tensor:
        if self.percentile is None:
            return abs_max(x, signed=self.signed)
        return torch.quantile(sample(x, signed=self.signed).abs(), self.percentile / 100)


class MSEObserver(nn.Module):
    """The power of two with the least squared rounding and clipping error over all batches seen."""

    def __init__(self, qmin: int, qmax: int) -> None:
        super().__init__()
        self.qmin, self.qmax = qmin, qmax
        self.register_buffer("errors", torch.zeros(len(MSE_EXPONENTS)))

    def observe(self, x: Tensor) -> Tensor:
        """One more batch; returns the scale () with the least error so far."""
        values = sample(x, signed=self.qmin < 0)
        scales = [torch.tensor(2.0**e, device=x.device) for e in MSE_EXPONENTS]
        self.errors += torch.stack([(fake_quantize(values, s, self.qmin, self.qmax) - values).square().mean()
                                    for s in scales])
        return torch.stack(scales)[self.errors.argmin()]


def build_observer(config: QConfig, qmin: int, qmax: int) -> nn.Module:
    """The observer a config names."""
    if config.observer == "mse":
        return MSEObserver(qmin, qmax)
    if config.observer == "abs_max":
        return AbsMaxObserver(qmin, qmax, power_of_two=config.power_of_two)
    percentile = config.percentile if config.observer == "percentile" else None
    return MovingAverageObserver(qmin, qmax, power_of_two=config.power_of_two, rate=config.moving_rate,
                                 percentile=percentile)
