"""Every verb tries where it is to write before it does anything else, even before it looks for its inputs."""

import argparse
import os

import pytest

from mtzoo.cli.main import discover_verbs, import_verb, main
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser

TRAIN = ["--config", "gone"]
TOOL = ["--config", "gone", "--checkpoint", "gone.pt"]
RETRAIN = [*TOOL, "--iters", "1"]
COMMANDS = {
    "train": [*TRAIN, "--out", "."], "quant-train": [*TRAIN, "--out", "."],
    "quant": [*RETRAIN, "--out", "."], "sparsify": [*RETRAIN, "--out", "."], "compress": [*RETRAIN, "--out", "."],
    "prune": [*TOOL, "--out", "."], "ptq": [*TOOL, "--calib-images", "1", "--out", "."],
    "sensitivity": [*TOOL, "--out", "table.json"], "export": ["gone.pt", "--out", "model.onnx"],
    "predict": ["gone.onnx", "gone.png", "--out", "."], "eval": ["gone.pt", "--json", "metrics.json"],
    "eval-pair": ["--resize", "gone", "--crop", "gone", "--json", "figures.json"], "bench": ["gone.onnx", "--json", "figures.json"],
    "bench-data": ["gone", "--json", "figures.json"], "hardware": ["--calibrate", "profile.yaml"],
    "data convert": ["kitti", "--data", "gone", "--out", "."], "data synth": ["--num-images", "1", "--seed", "1", "--out", "."],
    "backbones": ["--names", "alexnet", "--out", "table.md"], "zoo-table": ["--names", "zoo/fastscnn", "--out", "table.md"],
    "data view": ["gone", "--out", "."], "data stats": ["gone", "--out", "stats.png"],
    "zoo push": ["seg_city", "--card", "gone.md", "--to", "."], "demo": ["--out", "."],
}
OPTIONS = {"--out", "--json", "--calibrate", "--to"}
WRITE_NOTHING = {"config", "list", "summary", "verify"}


def parsers(verb):
    """The parser of a verb and those of its own verbs, by name."""
    parser = Parser(prog=verb)
    import_verb(verb).add_arguments(parser)
    found = {verb: parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= {f"{verb} {name}": inner for name, inner in action.choices.items()}
    return found


def test_every_verb_that_writes_is_tried_here():
    writing = {name for verb in discover_verbs() for name, parser in parsers(verb).items()
               if OPTIONS & set(parser._option_string_actions)}
    assert writing == set(COMMANDS)
    others = {verb for verb in discover_verbs() if verb not in {name.split()[0] for name in writing}}
    assert others == WRITE_NOTHING


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_place_that_cannot_be_written_is_the_first_thing_told(verb, tmp_path, capsys):
    (tmp_path / "file").touch()
    *arguments, name = COMMANDS[verb]
    place = tmp_path / "file" / "deeper" / name
    assert main([*verb.split(), *arguments, str(place)]) == 2
    out, err = capsys.readouterr()
    assert err == f"error: {arguments[-1]} {place}: cannot be written (Not a directory); choose another {arguments[-1]}\n"
    assert out == ""
    assert os.listdir(tmp_path) == ["file"]


def test_export_beside_a_checkpoint_tries_that_place(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("mtzoo.files._probe", lambda folder: (_ for _ in ()).throw(OSError(30, "Read-only file system")))
    assert main(["export", str(tmp_path / "gone.pt")]) == 2
    assert f"--out {tmp_path / 'gone.onnx'}: cannot be written (Read-only file system); choose another --out" in capsys.readouterr().err


def test_a_device_is_as_good_as_a_file():
    assert str(output_file("--json")("/dev/null")) == "/dev/null"
