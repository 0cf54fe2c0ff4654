import io

import pytest

from mtzoo.cli.hardware import ranking_table
from mtzoo.cli.models import export_spec
from mtzoo.compression.hardware_profile import load_profile, profile_text
from mtzoo.console import PlainConsole
from mtzoo.engine import hardware
from mtzoo.engine.hardware import SIZES, calibrate_host, fit_rates, layer_macs
from mtzoo.engine.latency_check import Ranked, rank_variants, spearman, variant_networks
from tests.tiny import tiny_config, write_images


def test_rates_are_found_from_times():
    """Times made of 50 GMAC/s and 4 Gvalues/s give these rates back."""
    times = {size: layer_macs("pointwise", size) / 50e9 + 2 * size[0] * size[1] * size[2] / 4e9 for size in SIZES}
    macs, values = fit_rates("pointwise", times)
    assert macs == pytest.approx(50e9, rel=1e-6)
    assert values == pytest.approx(4e9, rel=1e-6)


def test_a_term_that_explains_nothing_stays_positive():
    times = {size: layer_macs("dense", size) / 50e9 for size in SIZES}
    times[SIZES[0]] *= 0.7  # the layer with most values is the fastest of all: no rate of values can explain it
    macs, values = fit_rates("dense", times)
    assert 0 < macs < 1e12
    assert values > 0


def test_the_machine_is_measured(monkeypatch, tmp_path):
    """With few small layers: a real calibration takes half a minute."""
    monkeypatch.setattr(hardware, "SIZES", ((8, 16, 16), (16, 16, 16)))
    monkeypatch.setattr(hardware, "TINY", (8, 8, 8))
    monkeypatch.setattr(hardware, "ROUNDS", 1)
    seen = []
    profile = calibrate_host(1, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (45, 45)
    path = tmp_path / "mine.yaml"
    path.write_text(profile_text(path.name, profile))
    assert load_profile(str(path)) == profile


@pytest.mark.slow
def test_variants_are_ranked(tmp_path):
    config = tiny_config(write_images(tmp_path / "data"))
    nets = {name: (net, export_spec(own, 3)) for name, (net, own) in variant_networks(config).items()}
    assert set(nets) == {"the whole", "segmentation", "detection", "backbone of width 0.25", "of width 1"}
    ranked = rank_variants({name: nets[name] for name in ("the whole", "of width 1")}, load_profile("generic-arm-a75"), 1, 3,
                           lambda done, total: None)
    assert [r.measured_ms for r in ranked] == sorted(r.measured_ms for r in ranked)
    assert {r.name for r in ranked} == {f"{net}, {p}" for net in ("the whole", "of width 1") for p in ("fp32", "int8")}
    out = io.StringIO()
    PlainConsole(file=out, width=120).print(ranking_table("tiny", ranked))
    assert "of width 1, fp32" in out.getvalue()


def test_spearman_is_one_for_the_same_order_and_minus_one_for_the_opposite():
    ranked = [Ranked(str(i), 1.0 + i**3, 5.0 + i) for i in range(5)]
    assert spearman(ranked) == pytest.approx(1.0)
    assert spearman([Ranked(r.name, -r.predicted_ms, r.measured_ms) for r in ranked]) == pytest.approx(-1.0)
