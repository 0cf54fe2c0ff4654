"""Which way of calibrating suits somebody else's network best: each is tried, judged by what the float network says."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from mtzoo.foreign.compare import Agreement
from mtzoo.foreign.distil import LEARNING_RATE, distil
from mtzoo.foreign.network import Foreign, PixelBatches, QuantizedForeign, calibrated
from mtzoo.models import MultiTaskNet
from mtzoo.settings.post_training import Corrections
from mtzoo.structures import flatten_outputs

EQUALIZATIONS, OBSERVERS = ("network", "none"), ("mse", "percentile", "moving_average_abs_max")


@dataclass(frozen=True)
class Setting:
    """A way to calibrate: see `Foreign.quantize`."""

    equalize: str
    observer: str


@dataclass(frozen=True)
class Tried:
    """What a setting, or training after it, gave. calibrated: the network before it was frozen, to train on; agreement: with the float
    network, 0 ... 1."""

    calibrated: MultiTaskNet
    quantized: QuantizedForeign
    agreement: float


def settings() -> list[Setting]:
    return [Setting(equalize, observer) for equalize, observer in product(EQUALIZATIONS, OBSERVERS)]


def search(source: Foreign, images: Sequence[np.ndarray], judged: Sequence[np.ndarray], weight_bits: int,
           on_setting: Callable[[Setting, float], None], device: torch.device | str = "cpu") -> tuple[Setting, Tried]:
    """The setting whose integers agree best with the float network, and its network. Biases are corrected with each.

    images: (N, 3, H, W) uint8 batches, channels in the network's order, to observe ranges on; judged: the same, to choose by.
    on_setting: told each setting with its agreement; device: where ranges are observed.
    """
    best: tuple[Setting, Tried] | None = None
    batches, original = source.pixel_batches(images, device), source.folded_on(device)
    for setting in settings():
        net = calibrated(original, batches, setting.observer, Corrections(setting.equalize, True), weight_bits)
        tried = _judged(source, net, judged)
        on_setting(setting, tried.agreement)
        if best is None or tried.agreement > best[1].agreement:
            best = setting, tried
    return best


def train_on(source: Foreign, tried: Tried, images: Sequence[np.ndarray], judged: Sequence[np.ndarray], iterations: int,
             learning_rate: float = LEARNING_RATE, device: torch.device | str = "cpu",
             on_iteration: Callable[[int, float], None] | None = None, *, soft_labels: bool = False) -> Tried:
    """The network of `search` after learning to say what the float network says of `images`. Its ranges stay, and so does `tried`.

    on_iteration: told how many are done, and the loss. soft_labels: as in `distil`.
    """
    net = deepcopy(tried.calibrated).to(device)
    distil(net, source.folded_on(device), source.pixel_batches(images, device), iterations, learning_rate, on_iteration,
           soft_labels=soft_labels)
    return _judged(source, net, judged)


def _judged(source: Foreign, calibrated: MultiTaskNet, judged: Sequence[np.ndarray]) -> Tried:
    quantized = source.on_grid(deepcopy(calibrated))
    return Tried(calibrated, quantized, agreement(source, quantized, judged))


@torch.no_grad()
def agreement(source: Foreign, quantized: QuantizedForeign, batches: Sequence[np.ndarray]) -> float:
    """The mean over outputs of the share of places with the same largest channel, or of the cosine where there is one channel."""
    found: dict[str, Agreement] = {}
    for x in PixelBatches([torch.from_numpy(batch) for batch in batches]):
        wanted, given = _outputs(source.folded, x), _outputs(quantized.net, x)
        for name, value in given.items():
            for a, b in zip(wanted[name], value):
                found.setdefault(name, Agreement()).add(a[None], b[None])
    return float(np.mean([a.cosine if a.argmax is None else a.argmax for a in found.values()]))


def _outputs(net: nn.Module, x: Tensor) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in flatten_outputs(net(x)).items()}
