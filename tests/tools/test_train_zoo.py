"""tools/train_zoo.py: trainings side by side, stopped when the time is up, gone on with, and packed."""

import os
import tarfile
from pathlib import Path

import pytest

from mtzoo.cli.main import dispatch, import_verb, verb_parser
from mtzoo.config import load_config
from mtzoo.locate import find_config
from tests.tiny import config_values, phase, write_config, write_images

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def tool(load_tool):
    return load_tool("train_zoo")


def test_every_command_of_the_shipped_file_is_one_that_mtzoo_takes(tool, tmp_path, capsys):
    assert tool.main(["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    rows = tool.parse_yaml(tool.TRAININGS.read_text(), tool.TRAININGS)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("#")] == [f"# {name}" for name in rows]
    folders = []
    for command in (command for row in rows.values() for command in row):
        verb, *arguments = tool.shlex.split(command.format(runs=tmp_path / "runs", data="data"))
        args = verb_parser(verb, import_verb(verb)).parse_args(arguments)
        load_config(find_config(args.config))
        folders.append(next(value for option, value in zip(arguments, arguments[1:]) if option in tool.FOLDERS))
    assert len(set(folders)) == len(folders)
    assert dispatch(["--version"]) == 0


def test_mistakes_are_one_line(tool, tmp_path, capsys):
    trainings = tmp_path / "trainings.yaml"
    call = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--trainings", str(trainings)]
    for text, more, message in (("a: [1]", [], "a table of names"), ("[", [], "not YAML"), ("a: []", ["--only", "b"], "--only b"),
                                ("a: ['train --config {x} --out {runs}']", [], "write {runs} and {data} only"),
                                ("a: ['train --config x']", [], "names no folder for its results; add --out DIR")):
        trainings.write_text(text)
        assert tool.main([*call, *more]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.slow
def test_what_is_stopped_is_gone_on_with_and_packed(tool, tmp_path, capsys, monkeypatch):
    data = write_images(tmp_path / "data")
    solver = config_values(data)["solver"]
    solver[0]["float_phase"] = phase(iterations=100_000)
    long = write_config(tmp_path / "long.py", config_values(data, ["seg"], solver=solver))
    short = write_config(tmp_path / "short.py", config_values(data, ["seg"]))
    trainings = tmp_path / "trainings.yaml"
    trainings.write_text(f"long: ['train --config {long} --out {{runs}}/long']\n"
                         f"short: ['train --config {short} --out {{runs}}/short']\n"
                         "wrong: ['train --config gone --out {runs}/wrong', 'train --config never --out {runs}/never']\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOOLS.parent), os.environ.get("PYTHONPATH", "")]))
    runs, out = tmp_path / "runs", tmp_path / "out"
    call = ["--runs", str(runs), "--out", str(out), "--ctx", "cpu", "--workers", "0", "--trainings", str(trainings)]

    def through():
        return (runs / "short.done").is_file() and len(list((runs / "long").glob("with-bn-0*.pt"))) > 0

    real = tool.time.monotonic
    monkeypatch.setattr(tool.time, "monotonic", lambda: real() + (1e6 if through() else 0.0))
    assert tool.main([*call, "--cfg-options", "env.checkpoint_interval=1"]) == 1
    shown = capsys.readouterr().out
    assert "short: train done (0), 1 of 1" in shown
    assert "wrong: train failed (2), 0 of 2" in shown
    assert "long: stopped" in shown
    with tarfile.open(out / "logs.tar.gz") as tar:
        assert {"long.log", "short.log", "wrong.log", "short.done"} <= set(tar.getnames())
    names = []
    for path in sorted(out.glob("results*.tar")):
        with tarfile.open(path) as tar:
            names += tar.getnames()
    assert "short/with-bn-float-last.pt" in names
    assert any(name.startswith("long/with-bn-0") for name in names)
    assert tool.main([*call, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# long"
    assert "--resume" in lines[1]
    assert lines[2] == "# short is through"
