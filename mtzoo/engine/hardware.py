"""The profile of this machine, from a micro-benchmark: chains of equal steps in OpenVINO, a long one minus a short one.

The difference of two chains leaves out what both have: reading the image, the first convolution, the output.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from statistics import median
from time import perf_counter

import numpy as np

from mtzoo.compression.hardware_profile import KINDS, LEAF_KINDS, PRECISIONS, HardwareProfile
from mtzoo.compression.latency import Operator, operator_seconds, read_operators
from mtzoo.engine.hardware_chains import (
    GROUP_BASE,
    PERIOD,
    SKIP,
    chain_model,
    chain_network,
    inputs_per_group,
    kernel_of,
)
from mtzoo.errors import Caution
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.timing import WARM_UP, interleaved, machine

Size = tuple[int, int, int]
"""Channels, height, width."""
TINY = (16, 8, 8)  # hardly any arithmetic: what is left is the overhead
SMALL = ((16, 128, 240), (32, 64, 120), (64, 32, 60), (128, 16, 30))
"""The stages of a network at half width, for 512x960 pixels."""
WIDE = ((512, 16, 30), (2048, 8, 16))
"""Stages of a ResNet-50, on maps that are small enough to be measured fast."""
DENSE = ((256, 16, 30), (512, 8, 16))
"""Stages of its 3x3 convolutions, whose work grows with the square of the channels."""
SIZES: Mapping[str, Sequence[Size]] = {
    **dict.fromkeys(KINDS, (*SMALL, *WIDE)), "dense": (*SMALL, *DENSE), SKIP: SMALL,
    **dict.fromkeys(LEAF_KINDS, ((32, 64, 120), (128, 16, 30), (1024, 8, 16))),
}
"""Kind -> where its layers are measured."""
LENGTHS, LENGTHS_OF_HEAVY = (2, 10), (1, 3)
"""Steps of the short and of the long chain. Of layers with HEAVY weights two more take long enough to be told apart."""
HEAVY = 1 << 18
ROUNDS, LEAST_ROUNDS = 15, 3
SECONDS = 0.25
"""Time that a probe may take, if LEAST_ROUNDS do not take longer."""
LEAST_SECONDS = 1e-7
"""Shortest time of a step that is believed; a probe that finds less was disturbed."""
FLOOR = 0.01
"""The least share of the time that a term of a fit explains: rates stay finite where it explains nothing."""
Seconds = Mapping[tuple[str, str, Size], float]
"""(kind, precision, size) -> seconds of one step."""


def calibrate_host(threads: int, on_probe: Callable[[int, int], None] | None = None) -> HardwareProfile:
    """Measure this machine on `threads` CPU threads, in a minute or two. on_probe: told (probes done, probes in all).

    Let nothing else run meanwhile. Warns of probes that were disturbed all the same.
    """
    kinds = [*((kind, (TINY, *SIZES[kind])) for kind in (*KINDS, SKIP)), *((kind, SIZES[kind]) for kind in LEAF_KINDS)]
    places = [(kind, precision, size) for precision in PRECISIONS for kind, sizes in kinds for size in sizes]
    seconds = {}
    for i, (kind, precision, size) in enumerate(places):
        seconds[kind, precision, size] = step_seconds(kind, precision, size, threads)
        if on_probe is not None:
            on_probe(i + 1, len(places))
    if disturbed := sum(t <= LEAST_SECONDS for (_, _, size), t in seconds.items() if size != TINY):
        warnings.warn(f"{disturbed} of {len(places)} probes were disturbed: more layers took no more time. The profile is of no use; "
                      "let nothing else run and measure again", Caution, stacklevel=2)
    profile = convolution_profile(seconds, threads)
    rates = {kind: leaf_rates(kind, seconds, profile) for kind in LEAF_KINDS}
    return replace(profile, leaf_gvalues_s={precision: {kind: rates[kind][precision] for kind in rates} for precision in PRECISIONS})


def convolution_profile(seconds: Seconds, threads: int) -> HardwareProfile:
    """What the chains of convolutions say, without rates for other layers."""
    overhead = max(LEAST_SECONDS, median(t for (_, _, size), t in seconds.items() if size == TINY))
    arithmetic, movement, skips = {}, {}, {}
    for precision in PRECISIONS:
        fits = {kind: fit_rates(kind, {size: seconds[kind, precision, size] - overhead for size in SIZES[kind]}) for kind in KINDS}
        arithmetic[precision] = {kind: _giga(rates[0]) for kind, rates in fits.items()}
        movement[precision] = {kind: _giga(rates[1]) for kind, rates in fits.items()}
        skips[precision] = _giga(median(prod(size) / max(1e-6, seconds[SKIP, precision, size] - seconds["pointwise", precision, size])
                                        for size in SIZES[SKIP]))
    return HardwareProfile(f"{machine()}, {threads} threads, OpenVINO, measured", PRECISIONS, GROUP_BASE, _rounded(1e6 * overhead),
                           _giga(copy_bandwidth()), arithmetic, movement, skips)


def fit_rates(kind: str, seconds: Mapping[Size, float]) -> tuple[float, float]:
    """(multiply-accumulates, values read and written) per second that explain the times of convolutions best, relative to each.

    Both terms stay positive: where one explains all, the other is set to a hundredth of the mean time.
    """
    sizes = list(seconds)
    times = np.maximum([seconds[size] for size in sizes], LEAST_SECONDS)
    work = np.array([(layer_macs(kind, size), 2 * prod(size)) for size in sizes], dtype=float) / times[:, None]
    cost = np.linalg.lstsq(work, np.ones(len(sizes)), rcond=None)[0]
    for i in (0, 1):
        if cost[i] <= 0:
            least = FLOOR / work[:, i].mean()
            rest = 1 - least * work[:, i]
            cost = np.array([0.0, 0.0])
            cost[i], cost[1 - i] = least, (work[:, 1 - i] @ rest) / (work[:, 1 - i] @ work[:, 1 - i])
            break
    return float(1 / cost[0]), float(1 / cost[1])


def leaf_rates(kind: str, seconds: Seconds, profile: HardwareProfile) -> dict[str, float]:
    """Precision -> giga values read and written per second of one of LEAF_KINDS with which its chains are predicted best, relative to
    the time of each. profile: predicts the convolutions in them.

    Where its layers cost nothing, being fused, the rate is one that hardly costs anything.
    """
    steps = {size: _step_operators(kind, size) for size in SIZES[kind]}
    values = np.array([sum(o.moved for o in operators if o.kind == kind) for operators in steps.values()]) * 1e-9 / PERIOD
    rates, overhead = {}, profile.overhead_us * 1e-6
    for precision in profile.precisions:
        others = np.array([sum(overhead if o.kind == kind else operator_seconds(o, profile, precision) for o in operators)
                           for operators in steps.values()]) / PERIOD
        measured = np.array([seconds[kind, precision, size] for size in steps])
        part, rest = values / measured, 1 - others / measured
        rates[precision] = _rounded(1 / max(rest @ part / (part @ part), FLOOR / part.mean()))
    return rates


def _step_operators(kind: str, size: Size) -> list[Operator]:
    """What PERIOD steps of a chain have to do: those of a chain that a chain without any has not."""
    channels, *hw = size
    whole, without = (read_operators(chain_network(kind, channels, length), tuple(hw)) for length in (PERIOD, 0))
    return whole[len(without) - 1:-1]  # the last one reads the output


def layer_macs(kind: str, size: Size) -> int:
    """Multiply-accumulates of a convolution that makes as many channels as it reads."""
    channels, height, width = size
    return channels * inputs_per_group(kind, channels) * kernel_of(kind) ** 2 * height * width


def step_seconds(kind: str, precision: str, size: Size, threads: int) -> float:
    """Seconds that one step takes, in the middle of others of its kind."""
    channels, *hw = size
    heavy = kind in KINDS and channels * inputs_per_group(kind, channels) * kernel_of(kind) ** 2 >= HEAVY
    lengths = LENGTHS_OF_HEAVY if heavy else LENGTHS
    short, long = (OpenVinoExecutor(chain_model(chain_network(kind, channels, length), hw, precision), threads,
                                    "bf16" if precision == "bf16" else "f32") for length in lengths)
    feeds = {"image": np.random.default_rng(0).integers(0, 256, (1, 3, *hw), dtype=np.uint8)}
    calls = {"short": lambda: short.run(feeds), "long": lambda: long.run(feeds)}
    times = interleaved(calls, rounds_within(SECONDS, list(calls.values())), None)
    least = [1e-3 * min(times[name]) for name in calls]  # others only add to it
    return max(LEAST_SECONDS, (least[1] - least[0]) / (lengths[1] - lengths[0]))


def rounds_within(seconds: float, calls: Sequence[Callable[[], object]]) -> int:
    """How many rounds of `interleaved` take about `seconds`, from LEAST_ROUNDS to ROUNDS. Calls each twice to find out."""
    for call in calls:
        call()
    start = perf_counter()
    for call in calls:
        call()
    each = 2 * (perf_counter() - start)  # a round calls each twice
    return min(ROUNDS, max(LEAST_ROUNDS, int(seconds / each) - WARM_UP))


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of copying an array as large as the feature maps of the first stage."""
    source = np.ones(SMALL[0], dtype=np.float32)
    target = np.empty_like(source)
    times = interleaved({"copy": lambda: np.copyto(target, source)}, ROUNDS, None)["copy"]
    return 2 * source.nbytes / (1e-3 * min(times))


def _giga(rate: float) -> float:
    return _rounded(rate / 1e9)


def _rounded(value: float) -> float:
    """Three digits: more would be noise."""
    return float(f"{value:.3g}")
