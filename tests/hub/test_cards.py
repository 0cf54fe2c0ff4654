"""The model cards of the shipped zoo: what every one of them says."""

import json
import re
import shlex
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.requirements import FLOAT_MAPS, requirements
from mtzoo.locate import find_config, shipped_folder
from mtzoo.plain_yaml import parse_yaml

ZOO = shipped_folder("zoo")
CARDS = sorted(path for path in ZOO.glob("*.md") if path.name != "README.md")
TRAININGS = ZOO.parent / "tools" / "zoo_trainings.yaml"
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


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_a_card_shows_a_scene_or_says_why_not(card):
    """A small picture in the repository, its own one."""
    text = card.read_text()
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert bool(shown) != ("\nNo picture: " in text)
    for path in shown:
        assert path == f"../docs/images/zoo/{card.stem}.jpg"
        picture = (card.parent / path).read_bytes()
        assert len(picture) <= 60_000
        assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (450, 800, 3)


def recipe(commands):
    """Commands without where their results lie; one that is run several times is there once."""
    found = []
    for command in commands:
        words = shlex.split(command.removeprefix("mtzoo "))
        words = [word for before, word in zip(["", *words], words) if word not in ("--out", "--no-bench") and before != "--out"]
        words = ["CKPT" if before in ("--checkpoint", "--distill-from") and not word.startswith("zoo:") else word
                 for before, word in zip(["", *words], words)]
        words = [re.sub(r"(?<=backbone\.weights=)(?!None).+", "WEIGHTS", word) for word in words]
        option = [i for i, word in enumerate(words) if word.startswith("--")]
        found.append((words[0], sorted(tuple(words[i:end]) for i, end in zip(option, [*option[1:], len(words)]))))
    return [each for each, _ in groupby(found)]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_the_recipes_begin_with_the_commands_of_the_card(card):
    told = re.findall(r"`(mtzoo [^`]+)`", rows_of(card)["commands"])
    held = recipe(parse_yaml(TRAININGS.read_text(), TRAININGS)[card.stem])
    assert held[:len(recipe(told))] == recipe(told)


def test_what_is_trained_and_not_shipped_is_named_with_its_reason():
    unshipped = set(parse_yaml(TRAININGS.read_text(), TRAININGS)) - {card.stem for card in CARDS}
    table = (ZOO.parent / "docs" / "zoo.md").read_text()
    assert unshipped
    assert all(re.search(rf"^\| `zoo/{name}` .* not shipped \|$", table, re.MULTILINE) for name in unshipped)
