import json
from pathlib import Path

import pytest

from mtzoo.cli.backbones_table import markdown, verdict
from mtzoo.cli.main import main
from mtzoo.engine.backbones import Backbone

EXACT = Backbone("Torchvision", "a", 1_500_000, 2_000_000_000, ("x 16/4",), None, {"integer": 0, "openvino": 0}, 1234, 2)


def test_networks_are_listed_with_what_they_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, record = tmp_path / "table.md", tmp_path / "record.json"
    assert main(["backbones", "--names", "squeezenet1_1", "vit_b_16", "--out", str(out), "--record", str(record)]) == 0
    printed = capsys.readouterr().out
    assert "2 networks, 1 of which can be lowered to leaves; 0 checked, 0 exact" in printed
    assert "| squeezenet1_1 | 1." in out.read_text()
    assert "LayerNorm" in out.read_text()
    assert {row["name"] for row in json.loads(record.read_text())} == {"squeezenet1_1", "vit_b_16"}


@pytest.mark.parametrize(("option", "value", "said"), [
    ("--names", "resnet19", "no network of torchvision has this name"),
    ("--library", "tim", "expected torchvision, timm or all"),
])
def test_what_names_nothing_is_told(option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbones", option, value]) == 2
    assert f"{option} {value}: {said}" in capsys.readouterr().err


@pytest.mark.parametrize(("row", "words"), [
    (EXACT, "yes: 0 of 1,234, 2 layers in parts"),
    (Backbone("Timm", "b", checked={"integer": 0, "openvino": 5}, values=9), "NO: openvino 5 of 9"),
    (Backbone("Timm", "c"), "not checked"),
    (Backbone("Timm", "d", skipped=("64x64: too small",)), "not checked (64x64: too small)"),
])
def test_the_verdict_in_words(row: Backbone, words: str) -> None:
    assert verdict(row) == words


def test_the_table_as_markdown() -> None:
    assert "| a | 1.50 | 2.00 | x 16/4 | yes: 0 of 1,234, 2 layers in parts |" in markdown([EXACT])
    assert "| b |  |  |  | no: a\\|b |" in markdown([Backbone("Timm", "b", why="a|b")])
