"""The profile of this machine, from a micro-benchmark: chains of equal layers in OpenVINO, a long one minus a short one.

The difference of two chains leaves out what both have: reading the image, the first convolution, the output.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from statistics import median

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mtzoo.compression.hardware_profile import KINDS, PRECISIONS, HardwareProfile
from mtzoo.export.builder import GraphBuilder
from mtzoo.export.network import emit_network
from mtzoo.layers import ConvBNAct
from mtzoo.models import MultiTaskNet
from mtzoo.models.vargnet.blocks import grouped
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from mtzoo.runtime.bench import interleaved, machine
from mtzoo.runtime.executors import OpenVinoExecutor

SIZES = ((16, 128, 240), (32, 64, 120), (64, 32, 60), (128, 16, 30))
"""Channels, height, width of the stages of a network at half width, for 512x960 pixels."""
TINY = (16, 8, 8)  # hardly any arithmetic: what is left is the overhead
SHORT, LONG = 2, 10
GROUP_BASE = 8
SKIP = "skip"  # a pointwise convolution whose input is added to its sum
ROUNDS = 15


class Chain(nn.Module):
    """Image -> 1x1 convolution to `channels` -> `length` equal layers -> {"out": map}. kind: one of KINDS, or SKIP."""

    def __init__(self, kind: str, channels: int, length: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = ConvBNAct(3, channels, 1)
        self.skip = kind == SKIP
        kernel, groups = _kernel(kind), grouped(channels, _inputs_per_group(kind, channels))
        self.layers = nn.Sequential(*[ConvBNAct(channels, channels, kernel, groups=groups) for _ in range(length)])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.first(image)
        for layer in self.layers:
            x = layer(x, x if self.skip else None)
        return {"out": x}


def calibrate_host(threads: int, on_probe: Callable[[int, int], None] | None = None) -> HardwareProfile:
    """Measure this machine on `threads` CPU threads, in half a minute. on_probe: told (probes done, probes in all).

    Let nothing else run meanwhile.
    """
    places = [(kind, precision, size) for precision in PRECISIONS for kind in (*KINDS, SKIP) for size in (TINY, *SIZES)]
    seconds = {}
    for i, (kind, precision, size) in enumerate(places):
        seconds[kind, precision, size] = layer_seconds(kind, precision, size, threads)
        if on_probe is not None:
            on_probe(i + 1, len(places))
    overhead = max(1e-7, median(t for (_, _, size), t in seconds.items() if size == TINY))
    arithmetic, movement, skips = {}, {}, {}
    for precision in PRECISIONS:
        fits = {kind: fit_rates(kind, {size: seconds[kind, precision, size] - overhead for size in SIZES}) for kind in KINDS}
        arithmetic[precision] = {kind: _giga(rates[0]) for kind, rates in fits.items()}
        movement[precision] = {kind: _giga(rates[1]) for kind, rates in fits.items()}
        skips[precision] = _giga(median(prod(size) / max(1e-6, seconds[SKIP, precision, size] - seconds["pointwise", precision, size])
                                        for size in SIZES))
    return HardwareProfile(f"{machine()}, {threads} threads, OpenVINO, measured", PRECISIONS, GROUP_BASE, _rounded(1e6 * overhead),
                           _giga(copy_bandwidth()), arithmetic, movement, skips)


def fit_rates(kind: str, seconds: Mapping[tuple[int, int, int], float]) -> tuple[float, float]:
    """(multiply-accumulates, values read and written) per second that explain the times of layers best, relative to each.

    Both terms stay positive: where one explains all, the other is set to a hundredth of the mean time.
    """
    sizes = list(seconds)
    times = np.maximum([seconds[size] for size in sizes], 1e-7)
    work = np.array([(layer_macs(kind, size), 2 * prod(size)) for size in sizes], dtype=float) / times[:, None]
    cost = np.linalg.lstsq(work, np.ones(len(sizes)), rcond=None)[0]
    for i in (0, 1):
        if cost[i] <= 0:
            least = 0.01 / work[:, i].mean()
            rest = 1 - least * work[:, i]
            cost = np.array([0.0, 0.0])
            cost[i], cost[1 - i] = least, (work[:, 1 - i] @ rest) / (work[:, 1 - i] @ work[:, 1 - i])
            break
    return float(1 / cost[0]), float(1 / cost[1])


def layer_macs(kind: str, size: tuple[int, int, int]) -> int:
    """Multiply-accumulates of a layer that makes as many channels as it reads."""
    channels, height, width = size
    return channels * _inputs_per_group(kind, channels) * _kernel(kind) ** 2 * height * width


def layer_seconds(kind: str, precision: str, size: tuple[int, int, int], threads: int) -> float:
    """Seconds that one layer takes, in the middle of others of its kind. size: channels, height, width."""
    channels, *hw = size
    short, long = (OpenVinoExecutor(chain_model(Chain(kind, channels, length), hw, precision), threads,
                                    "bf16" if precision == "bf16" else "f32") for length in (SHORT, LONG))
    feeds = {"image": np.random.default_rng(0).integers(0, 256, (1, 3, *hw), dtype=np.uint8)}
    times = interleaved({"short": lambda: short.run(feeds), "long": lambda: long.run(feeds)}, ROUNDS, None)
    return max(1e-7, 1e-3 * (min(times["long"]) - min(times["short"])) / (LONG - SHORT))  # the least: others only add to it


def chain_model(chain: Chain, hw: Sequence[int], precision: str) -> onnx.ModelProto:
    """A chain as ONNX, of integers where `precision` is int8."""
    net = MultiTaskNet({"chain": chain}, {"chain": ("image",)}, {"probe": "chain"}, {"chain": ("probe",)}).eval()
    fold_bn(net, ["nodes.*"])
    if precision == "int8":
        prepare(net)
        calibrate(net, [torch.rand(1, 3, *hw) * 2 - 1])
        freeze(net)
    builder = GraphBuilder()
    image = builder.add_input("image", np.uint8, (1, 3, *hw))
    for name in emit_network(builder, net, image, tuple(hw), quantized=precision == "int8"):
        builder.add_output(name, np.float32, (1, chain.channels, *hw))
    return builder.model("probe")


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of copying an array as large as the feature maps of the first stage."""
    source = np.ones(SIZES[0], dtype=np.float32)
    target = np.empty_like(source)
    times = interleaved({"copy": lambda: np.copyto(target, source)}, ROUNDS, None)["copy"]
    return 2 * source.nbytes / (1e-3 * min(times))


def _kernel(kind: str) -> int:
    return 1 if kind in ("pointwise", SKIP) else 3


def _inputs_per_group(kind: str, channels: int) -> int:
    return {"group": GROUP_BASE, "depthwise": 1}.get(kind, channels)


def _giga(rate: float) -> float:
    return _rounded(rate / 1e9)


def _rounded(value: float) -> float:
    """Three digits: more would be noise."""
    return float(f"{value:.3g}")
