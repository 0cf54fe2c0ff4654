import json

import pytest

from mtzoo.cli.bench_data import batch_size_of
from mtzoo.cli.bench_data_table import print_speed
from mtzoo.cli.main import main
from mtzoo.data import bench
from mtzoo.data.bench import BOUND, KEPT, PLAIN, STAGES, InputSpeed
from tests.tiny import config_values, phase, tiny_config, write_config, write_images


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = write_images(tmp_path_factory.mktemp("tiny") / "data")
    return write_config(root / "tiny.py", config_values(root))


def test_a_table_and_the_figures(config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "LOADER_IMAGES", 2)
    argv = ["bench-data", str(config), "--tasks", "seg", "--num-images", "3", "--workers", "1", "--json", str(tmp_path / "speed.json")]
    assert main(argv) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in (*STAGES, PLAIN, KEPT, BOUND, "loader, 1 worker", "3 images, batch 2"))
    values = json.loads((tmp_path / "speed.json").read_text())
    assert set(values["one_core"]) == {*STAGES, PLAIN, KEPT, BOUND}
    assert values["scaling"] == {"1": 1.0}
    assert values["config"].endswith("/tiny")


@pytest.mark.parametrize("option", ["--num-images", "--workers"])
def test_numbers_below_one(config, option, capsys):
    assert main(["bench-data", str(config), option, "0"]) == 2
    assert f"{option} 0" in capsys.readouterr().err


def test_the_batch_size_is_the_first_phases(tmp_path):
    solver = config_values(tmp_path)["solver"]
    solver[0] = {"prefix": "with-bn", "quant_phase": phase(batch_size=5)}
    assert batch_size_of(tiny_config(tmp_path, solver=solver)) == 5


@pytest.mark.parametrize(("core_share", "told"), [(0.5, True), (0.99, False)])
def test_a_busy_machine_is_told(core_share, told, capsys):
    rates = {**dict.fromkeys(STAGES, 100.0), PLAIN: 20.0, BOUND: 25.0}
    speed = InputSpeed(4, 2, 5, rates, {PLAIN: 0.8}, {1: 19.0, 2: 38.0}, {1: 20.0, 2: 36.0}, core_share)
    print_speed("tiny", speed)
    out = capsys.readouterr().out
    assert ("50 % of its core" in out) == told
    assert "80.0 %" in out
    assert KEPT not in out  # there are no masks
    assert "2.00 x one worker" in out
    assert "1.80 x one worker" in out  # decoding alone
