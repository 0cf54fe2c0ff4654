"""tools/cost_growth.py: the networks, the straight lines, and a whole small measurement that goes on where it stopped."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mtzoo.config.load import read_config
from mtzoo.locate import find_config

TOOLS = Path(__file__).resolve().parents[2] / "tools"
MODULES = ("cost_growth", "growth_memory", "growth_networks", "growth_pictures")
CONFIG = "4pe_resize/multitask"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import cost_growth
    yield cost_growth
    for name in MODULES:
        sys.modules.pop(name, None)


def test_points_are_sizes_of_all_tasks_and_numbers_of_heads_of_a_kind(tool):
    points = tool.points_of(CONFIG, None, (0.25, 1, 4), (1, 12))
    assert [(p.series, p.heads, p.hw) for p in points] == [
        ("area", 6, (256, 480)), ("area", 6, (512, 960)), ("area", 6, (1024, 1920)),
        *((kind, heads, (512, 960)) for kind in ("detection", "segmentation") for heads in (1, 12))]
    with pytest.raises(tool.UserError, match="two different ones of each"):
        tool.points_of(CONFIG, None, (1,), (1, 2))
    with pytest.raises(tool.UserError, match="--areas -1"):
        tool.points_of(CONFIG, None, (1, -1), (1, 2))


def test_each_further_task_has_a_head_of_its_own_on_the_same_trunk(tool):
    from growth_networks import with_heads
    tasks = with_heads(read_config(find_config(CONFIG)), "segmentation", 3)
    heads = [task["nodes"][-1]["name"] for task in tasks.values()]
    assert heads == ["segmentation_1_head", "segmentation_2_head", "segmentation_3_head"]
    assert {tuple(task["nodes"][:-1]) for task in tasks.values()} == {("backbone", "neck")}


def test_a_line_says_how_straight_it_is(tool):
    from growth_pictures import fit, growth
    assert fit([(1, 5), (2, 7), (4, 11)]) == pytest.approx({"slope": 2, "start": 3, "r2": 1})
    assert fit([(1, 5), (2, 5)])["r2"] == 1
    assert fit([(0, 0), (1, 10), (2, 0)])["r2"] == pytest.approx(0)
    found = growth({"images": 2000, "done": [1, 200, 1000, 2000], "mib": [10.0, 100.0, 104.0, 109.0]})
    assert found == pytest.approx({"mib_per_1000": 5.0, "mib": 9.0}, rel=0.02), "what comes before a tenth is done is the start"


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_small_measurement_goes_on_where_it_stopped(tool, tmp_path, monkeypatch, capsys):
    command = ["--out", str(tmp_path), "--hw", "64x96", "--areas", "1", "4", "--heads", "1", "2", "--runs", "1", "--images", "6",
               "--rendered", "2"]
    memory = iter([100.0, 120.0])  # of two networks; then it is ended

    def peak_of_model(path, threads):
        try:
            return next(memory)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(tool, "peak_of_model", peak_of_model)
    with pytest.raises(KeyboardInterrupt):
        tool.main(command)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").glob("*.onnx")}
    memory = iter([50.0] * 20)
    assert tool.main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in written} == written
    found = json.loads((tmp_path / "growth.json").read_text())
    assert [found[f"peak_mib/area-6-{hw}"] for hw in ("64x96", "128x192")] == [100.0, 120.0]
    assert found["predict"]["images"] == 6
    assert found["predict"]["boxes"] > 0, "memory is no question where nothing is found"
    assert set(found["straight"]["lines"]["latency"]) == {"area", "detection", "segmentation"}
    for name in ("latency", "memory", "predict"):
        assert ElementTree.parse(tmp_path / f"growth_{name}.svg").getroot().tag.endswith("svg")
    assert "to go: memory of" in capsys.readouterr().out
    assert tool.main([*command[:-1], "3"]) == 2, "other settings are told, and nothing of the figures is lost"
    assert "measured with another 'rendered'" in capsys.readouterr().err
