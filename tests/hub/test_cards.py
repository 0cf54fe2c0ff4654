"""The model cards of the shipped zoo: what every one of them says."""

import json
import re
from pathlib import Path

import pytest

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.requirements import FLOAT_MAPS, requirements
from mtzoo.locate import find_config, shipped_folder

ZOO = shipped_folder("zoo")
CARDS = sorted(path for path in ZOO.glob("*.md") if path.name != "README.md")
ROWS = {"file", "input", "config", "data", "licence", "recipe", "commands", "measured", "by class", "verified", "limits"}


def rows_of(card: Path) -> dict[str, str]:
    return dict(re.findall(r"^\| ([a-z ,]+) \| (.+) \|$", card.read_text(), re.MULTILINE))


def test_every_model_of_the_zoo_has_a_card():
    assert {path.stem for path in ZOO.iterdir() if path.suffix in (".onnx", ".safetensors")} == {card.stem for card in CARDS}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_a_card_says_all_that_one_has_to_know(card):
    rows = rows_of(card)
    assert not ROWS - set(rows)
    find_config(rows["config"].strip("`"))
    for name, size in re.findall(r"`([\w.]+\.(?:onnx|safetensors))`, ([\d,]+) bytes", rows["file"]):
        assert int(size.replace(",", "")) == (ZOO / name).stat().st_size, name
    classes = {name for task in json.loads(card.with_suffix(".json").read_text())["tasks"].values() for name in task["classes"]}
    unnamed = {name for name in classes if name not in card.read_text()}
    assert not unnamed


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.onnx")), ids=lambda path: path.stem)
def test_a_model_says_what_it_requires(path):
    """A runtime that computes in bf16 gives other answers of a file with 32-bit sums: the file and its card say so."""
    file = read_deploy_file(path)
    assert file.info.requires == requirements(file.model)
    assert (FLOAT_MAPS in file.info.requires) == ("set OpenVINO's precision to f32" in path.with_suffix(".md").read_text())
