import io
import math
import warnings

import numpy as np
import pytest

from mtzoo.cli.hardware_tables import profile_table, ranking_table, stem_table
from mtzoo.compression.hardware_profile import KINDS, LEAF_KINDS, STEM, HardwareProfile, load_profile, profile_text
from mtzoo.compression.latency import leaf_kind, predict_latency
from mtzoo.config import config_from_dict
from mtzoo.console import PlainConsole
from mtzoo.engine import hardware, latency_check
from mtzoo.engine.hardware import (
    SIZES,
    calibrate_host,
    fit_rates,
    fit_stem_rates,
    layer_macs,
    leaf_rates,
    rounds_within,
)
from mtzoo.engine.hardware_chains import SKIP, chain_network, leaf_step, probe_model
from mtzoo.engine.hardware_stems import IMAGE_HW, STEMS, stem_network
from mtzoo.engine.latency_check import Ranked, rank_variants, spearman, variant_networks
from mtzoo.errors import Caution
from mtzoo.graph import read_program
from mtzoo.recipes.models import export_spec
from mtzoo.runtime.executors import OpenVinoExecutor
from tests.tiny import config_values, tiny_config, write_images

POINTWISE, THREE = SIZES["pointwise"], SIZES["dense"]


def test_rates_are_found_from_times():
    """Times made of 50 GMAC/s and 4 Gvalues/s give these rates back."""
    times = {size: layer_macs("pointwise", size) / 50e9 + 2 * size[0] * size[1] * size[2] / 4e9 for size in POINTWISE}
    macs, values = fit_rates("pointwise", times)
    assert macs == pytest.approx(50e9, rel=1e-6)
    assert values == pytest.approx(4e9, rel=1e-6)


def test_a_term_that_explains_nothing_stays_positive():
    times = {size: layer_macs("dense", size) / 50e9 for size in THREE}
    times[THREE[0]] *= 0.7  # the layer with most values is the fastest of all: no rate of values can explain it
    macs, values = fit_rates("dense", times)
    assert 0 < macs < 1e12
    assert values > 0


def stem_time(stem, macs, values, image):
    return stem.macs / macs + (3 * math.prod(IMAGE_HW) + stem.made) / values + 3 * math.prod(IMAGE_HW) / image


def test_rates_of_stems_are_found_from_times():
    times = {stem: stem_time(stem, 90e9, 8e9, 3e9) for stem in STEMS.values()}
    assert fit_stem_rates(times) == pytest.approx((90e9, 8e9, 3e9), rel=1e-6)


def test_an_image_that_costs_nothing_leaves_the_rates_of_stems_positive():
    """As where pixels are computed with as they lie."""
    times = {stem: stem.macs / 90e9 + stem.made / 8e9 for stem in STEMS.values()}
    rates = fit_stem_rates(times)
    assert all(0 < rate < math.inf for rate in rates)
    assert 3 * math.prod(IMAGE_HW) / rates[2] < 0.05 * max(times.values())
    assert [stem_time(stem, *rates) for stem in times] == pytest.approx(list(times.values()), rel=0.2)


def test_layers_as_wide_as_a_resnet50s_are_measured():
    assert max(size[0] for size in POINTWISE) == 2048
    assert max(size[0] for size in THREE) == 512


def known_rates(**rates):
    """A profile of one precision with the same rate for all convolutions, and what is given for other layers."""
    same = {"fp32": dict.fromkeys(KINDS, 10.0)}
    return HardwareProfile("made up", ("fp32",), 8, 3.0, 10.0, same, same, {"fp32": 10.0}, {"fp32": rates})


@pytest.mark.parametrize("kind", LEAF_KINDS)
def test_the_rate_of_other_layers_is_found_from_times(kind, monkeypatch):
    """Times that a profile predicts give its rate back."""
    monkeypatch.setattr(hardware, "SIZES", {kind: ((8, 16, 16), (32, 8, 16))})
    rates = {**dict.fromkeys(LEAF_KINDS, 1.0), kind: 0.37}

    def step(size):
        channels, *hw = size
        long, short = (predict_latency(chain_network(kind, channels, n), tuple(hw), known_rates(**rates), "fp32") for n in (4, 2))
        return 1e-3 * (long - short) / 2

    times = {(kind, "fp32", size): step(size) for size in hardware.SIZES[kind]}
    assert leaf_rates(kind, times, known_rates()) == {"fp32": pytest.approx(0.37)}
    free = dict.fromkeys(times, 1e-6)  # quicker than its convolutions alone
    assert 0 < leaf_rates(kind, free, known_rates())["fp32"] < math.inf


@pytest.mark.parametrize("kind", [*KINDS, SKIP, *LEAF_KINDS])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_every_chain_is_a_model_of_its_leaves(kind, precision):
    """Each step keeps the size, so that any number of them follow one another, and holds layers of the kind."""
    kinds = [leaf_kind(call.module) for call in read_program(chain_network(kind, 16, 2)).calls]
    if kind in LEAF_KINDS:
        assert kind in kinds
        assert set(kinds) <= {"image", "conv", kind, *(["table"] if kind == "elementwise" else [])}
    model = probe_model(chain_network(kind, 16, 2), (8, 16), precision)
    out = OpenVinoExecutor(model, 1).run({"image": np.full((1, 3, 8, 16), 200, np.uint8)})
    assert [value.shape for value in out.values()] == [(1, 16, 8, 16)]
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node) == (precision == "int8")


def test_a_chain_of_no_kind_is_refused():
    with pytest.raises(ValueError, match="kind='pool': expected one of move, "):
        leaf_step("pool", 8, 0)


@pytest.mark.parametrize(("milliseconds", "rounds"), [(1, 15), (6, 7), (200, 3)])
def test_slow_layers_are_measured_in_fewer_rounds(milliseconds, rounds, monkeypatch):
    """0.24 s are 10 rounds of two calls twice, 6 ms each, 3 of which only warm up."""
    clock = iter((0.0, 2 * milliseconds / 1e3))
    monkeypatch.setattr(hardware, "perf_counter", lambda: next(clock))
    assert rounds_within(0.2401, [lambda: None, lambda: None]) == rounds


FEW_STEMS = tuple(STEMS[name] for name in ("3x3, stride 2, to 16", "4x4 patches, to 32"))


def few_small_layers(monkeypatch):
    monkeypatch.setattr(hardware, "SIZES", {**dict.fromkeys((*KINDS, SKIP), ((8, 16, 16), (16, 16, 16))),
                                            **dict.fromkeys(LEAF_KINDS, ((8, 16, 16),)), STEM: FEW_STEMS})
    monkeypatch.setattr(hardware, "TINY", (8, 8, 8))


def test_times_become_a_profile(monkeypatch, tmp_path):
    """Of a machine on which a convolution takes 2 us and 1 us for each 1,000 values, and a step with another layer ten times that."""
    def seconds(kind, precision, size, threads):
        return (10 if kind in LEAF_KINDS else 1) * (2e-6 + 1e-9 * math.prod(size))

    few_small_layers(monkeypatch)
    monkeypatch.setattr(hardware, "step_seconds", seconds)
    monkeypatch.setattr(hardware, "stem_seconds", lambda stem, precision, threads: stem_time(stem, 50e9, 4e9, 1e12))
    seen = []
    profile = calibrate_host(1, lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 66) for i in range(66)]
    assert profile.overhead_us == pytest.approx(2.51)  # three digits of that of 512 values
    for kind in LEAF_KINDS:  # one size, so that the rate fits it in full
        long, short = (predict_latency(chain_network(kind, 8, n), (16, 16), profile, "int8") for n in (4, 2))
        assert (long - short) / 2 == pytest.approx(40.48e-3, rel=0.01)  # ms
    for stem in FEW_STEMS:
        took = predict_latency(stem_network(stem), IMAGE_HW, profile, "int8")
        assert took == pytest.approx(1e3 * stem_time(stem, 50e9, 4e9, 1e12), rel=0.05)  # beside it a small layer and overheads
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(path.name, profile))
    assert load_profile(str(path)) == profile
    out = io.StringIO()
    PlainConsole(file=out, width=80).print(profile_table({"mine": profile, "generic": load_profile("generic-arm-a75")}))
    rows = [line.strip("│ ").split("│") for line in out.getvalue().splitlines() if line.startswith("│")]
    window = next(row for row in rows if row[0].strip() == "window")
    assert [float(cell) for cell in window[1:1 + len(profile.precisions)]] == [profile.leaf_gvalues_s[p]["window"]
                                                                                for p in profile.precisions]
    assert sum(row[-1].strip() == "-" for row in rows) == len(LEAF_KINDS) + 2  # and stem, image
    out = io.StringIO()
    PlainConsole(file=out, width=100).print(stem_table({"mine": profile}))
    patches = next(line for line in out.getvalue().splitlines() if "4x4 patches, to 32" in line)
    expected = 1e3 * (stem_time(FEW_STEMS[1], 50e9, 4e9, 1e12) + 2 * 2.51e-6)
    assert [float(cell) for cell in patches.strip("│ ").split("│")[1:]] == [pytest.approx(expected, abs=0.01)] * 3


def test_a_disturbed_measurement_is_told(monkeypatch):
    """Where a long chain took no longer than a short one, something else ran."""
    few_small_layers(monkeypatch)
    monkeypatch.setattr(hardware, "step_seconds", lambda kind, precision, size, threads: 1e-7 if kind == "window" else 1e-5)
    monkeypatch.setattr(hardware, "stem_seconds", lambda stem, precision, threads: 1e-3)
    with pytest.warns(Caution, match="3 of 66 probes were disturbed.*measure again"):
        calibrate_host(1)


@pytest.mark.slow
def test_the_machine_is_measured(monkeypatch):
    """With few small layers: a real calibration takes a minute or two."""
    few_small_layers(monkeypatch)
    monkeypatch.setattr(hardware, "SMALL", ((8, 16, 16),))
    monkeypatch.setattr(hardware, "ROUNDS", 1)
    monkeypatch.setattr(hardware, "LEAST_ROUNDS", 1)
    monkeypatch.setattr(hardware, "LENGTHS", (1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Caution)  # so small and so few that anything disturbs them
        assert calibrate_host(1).unmeasured() == []


def test_networks_whose_width_cannot_be_varied_are_told(tmp_path, monkeypatch):
    root, told = write_images(tmp_path / "data"), []
    nodes = config_values(root)["nodes"]
    plain = config_from_dict(config_values(root, ("seg",), nodes={**nodes, "backbone": {"type": "VarGNetV2"}}))
    assert list(variant_networks(plain, told.append)) == ["the whole"]
    assert told == ["tests/tiny: no node has a parameter 'width', so that widths are not varied"]
    monkeypatch.setattr(latency_check, "WIDTHS", {"width 3": 3.0})
    assert list(variant_networks(config_from_dict(config_values(root, ("seg",))), told.append)) == ["the whole"]
    assert told[1].startswith("width 3 is left out: node 'backbone': width=3.0")


@pytest.mark.slow
def test_variants_are_ranked(tmp_path):
    config = tiny_config(write_images(tmp_path / "data"))
    nets = {name: (net, export_spec(own, 3)) for name, (net, own) in variant_networks(config, pytest.fail).items()}
    assert set(nets) == {"the whole", "segmentation", "detection", "width 0.25", "width 1"}
    ranked = rank_variants({name: nets[name] for name in ("the whole", "width 1")}, load_profile("generic-arm-a75"), 1, 3,
                           lambda done, total: None)
    assert [r.measured_ms for r in ranked] == sorted(r.measured_ms for r in ranked)
    assert {r.name for r in ranked} == {f"{net}, {p}" for net in ("the whole", "width 1") for p in ("fp32", "int8")}
    out = io.StringIO()
    PlainConsole(file=out, width=120).print(ranking_table("tiny", ranked))
    assert "width 1, fp32" in out.getvalue()


def test_spearman_is_one_for_the_same_order_and_minus_one_for_the_opposite():
    ranked = [Ranked(str(i), 1.0 + i**3, 5.0 + i) for i in range(5)]
    assert spearman(ranked) == pytest.approx(1.0)
    assert spearman([Ranked(r.name, -r.predicted_ms, r.measured_ms) for r in ranked]) == pytest.approx(-1.0)
