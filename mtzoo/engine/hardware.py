"""The profile of this machine, from a micro-benchmark in OpenVINO: a long chain of equal steps minus a short one.

The difference leaves out what both have: reading the image, the first convolution, the output. That first convolution and the image are
measured by themselves: on a whole image minus on a tiny one, which leaves out the call.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from statistics import median
from time import perf_counter

import numpy as np

from mtzoo.compression.hardware_profile import KINDS, LEAF_KINDS, PRECISIONS, STEM, HardwareProfile
from mtzoo.compression.latency import Operator, operator_seconds, read_operators
from mtzoo.engine.hardware_chains import (
    GROUP_BASE,
    PERIOD,
    SKIP,
    chain_network,
    inputs_per_group,
    kernel_of,
    probe_model,
)
from mtzoo.engine.hardware_stems import IMAGE_HW, STEMS, Stem, stem_network
from mtzoo.errors import Caution
from mtzoo.models import MultiTaskNet
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
Place = Size | Stem
SIZES: Mapping[str, Sequence[Place]] = {
    **dict.fromkeys(KINDS, (*SMALL, *WIDE)), "dense": (*SMALL, *DENSE), SKIP: SMALL,
    **dict.fromkeys(LEAF_KINDS, ((32, 64, 120), (128, 16, 30), (1024, 8, 16))),
    STEM: tuple(STEMS.values()),
}
"""Kind -> where its layers are measured; STEM -> the stems, on an image of IMAGE_HW."""
TINY_HW = (64, 64)
"""An image of a stem with hardly any arithmetic."""
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
Seconds = Mapping[tuple[str, str, Place], float]
"""(kind, precision, place) -> seconds of one step, or of reading the image and the stem, without their overhead."""


def calibrate_host(threads: int, on_probe: Callable[[int, int], None] | None = None) -> HardwareProfile:
    """Measure this machine on `threads` CPU threads, in a minute or two. on_probe: told (probes done, probes in all).

    Let nothing else run meanwhile. Warns of probes that were disturbed all the same.
    """
    kinds = [*((kind, (TINY, *SIZES[kind])) for kind in (*KINDS, SKIP)), *((kind, SIZES[kind]) for kind in (*LEAF_KINDS, STEM))]
    places = [(kind, precision, place) for precision in PRECISIONS for kind, own in kinds for place in own]
    seconds = {}
    for i, (kind, precision, place) in enumerate(places):
        seconds[kind, precision, place] = (stem_seconds(place, precision, threads) if kind == STEM
                                           else step_seconds(kind, precision, place, threads))
        if on_probe is not None:
            on_probe(i + 1, len(places))
    if disturbed := sum(t <= LEAST_SECONDS for (_, _, place), t in seconds.items() if place != TINY):
        warnings.warn(f"{disturbed} of {len(places)} probes were disturbed: more layers took no more time. The profile is of no use; "
                      "let nothing else run and measure again", Caution, stacklevel=2)
    profile = convolution_profile(seconds, threads)
    rates = {kind: leaf_rates(kind, seconds, profile) for kind in LEAF_KINDS}
    return replace(profile, leaf_gvalues_s={precision: {kind: rates[kind][precision] for kind in rates} for precision in PRECISIONS})


def convolution_profile(seconds: Seconds, threads: int) -> HardwareProfile:
    """What the chains of convolutions and the stems say, without rates for other layers."""
    overhead = max(LEAST_SECONDS, median(t for (_, _, place), t in seconds.items() if place == TINY))
    arithmetic, movement, skips, images = {}, {}, {}, {}
    for precision in PRECISIONS:
        fits = {kind: fit_rates(kind, {size: seconds[kind, precision, size] - overhead for size in SIZES[kind]}) for kind in KINDS}
        *fits[STEM], image = fit_stem_rates({stem: seconds[STEM, precision, stem] for stem in SIZES[STEM]})
        arithmetic[precision] = {kind: _giga(rates[0]) for kind, rates in fits.items()}
        movement[precision] = {kind: _giga(rates[1]) for kind, rates in fits.items()}
        images[precision] = _giga(image)
        skips[precision] = _giga(median(prod(size) / max(1e-6, seconds[SKIP, precision, size] - seconds["pointwise", precision, size])
                                        for size in SIZES[SKIP]))
    return HardwareProfile(f"{machine()}, {threads} threads, OpenVINO, measured", PRECISIONS, GROUP_BASE, _rounded(1e6 * overhead),
                           _giga(copy_bandwidth()), arithmetic, movement, skips, image_gvalues_s=images)


def fit_rates(kind: str, seconds: Mapping[Size, float]) -> tuple[float, float]:
    """(multiply-accumulates, values read and written) per second of convolutions."""
    macs, values = _rates([(layer_macs(kind, size), 2 * prod(size)) for size in seconds], list(seconds.values()))
    return macs, values


def fit_stem_rates(seconds: Mapping[Stem, float]) -> tuple[float, float, float]:
    """(multiply-accumulates, values read and written) per second of stems, (values) of reading the image for them."""
    read = 3 * prod(IMAGE_HW)
    macs, values, image = _rates([(stem.macs, read + stem.made, read) for stem in seconds], list(seconds.values()))
    return macs, values, image


def _rates(work: Sequence[Sequence[float]], seconds: Sequence[float]) -> list[float]:
    """What is done per second of each kind of work, so that the times are explained best, relative to each.

    work: a row for each time, a column for each kind. Rates stay positive: a kind that explains nothing is given FLOOR of the time.
    """
    times = np.maximum(seconds, LEAST_SECONDS)
    share = np.array(work, dtype=float) / times[:, None]
    cost, fixed = np.zeros(share.shape[1]), np.zeros(share.shape[1], dtype=bool)
    while not fixed.all():
        rest = 1 - share[:, fixed] @ cost[fixed]
        cost[~fixed] = np.linalg.lstsq(share[:, ~fixed], rest, rcond=None)[0]
        least = int((cost * share.mean(0)).argmin())
        if cost[least] > 0:
            break
        cost[least], fixed[least] = FLOOR / share[:, least].mean(), True
    return [float(1 / each) for each in cost]


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
    short, long = (compiled_call(chain_network(kind, channels, length), hw, precision, threads) for length in lengths)
    return max(LEAST_SECONDS, more_seconds(short, long) / (lengths[1] - lengths[0]))


def stem_seconds(stem: Stem, precision: str, threads: int) -> float:
    """Seconds of reading an image of IMAGE_HW and of the convolution behind it, without the overhead of either."""
    tiny, whole = (compiled_call(stem_network(stem), hw, precision, threads) for hw in (TINY_HW, IMAGE_HW))
    return max(LEAST_SECONDS, more_seconds(tiny, whole))


def compiled_call(net: MultiTaskNet, hw: Sequence[int], precision: str, threads: int) -> Callable[[], object]:
    """An inference of a `probe_network` on noise in OpenVINO."""
    executor = OpenVinoExecutor(probe_model(net, hw, precision), threads, "bf16" if precision == "bf16" else "f32")
    feeds = {"image": np.random.default_rng(0).integers(0, 256, (1, 3, *hw), dtype=np.uint8)}
    return partial(executor.run, feeds)


def more_seconds(short: Callable[[], object], long: Callable[[], object]) -> float:
    """Seconds that `long` takes more than `short`, in interleaved rounds."""
    times = interleaved({"short": short, "long": long}, rounds_within(SECONDS, [short, long]), None)
    return 1e-3 * (min(times["long"]) - min(times["short"]))  # the least: others only add to it


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
