"""What a command tells of its inputs."""

import pytest

from mtzoo.cli.main import main
from tests.tiny import config_values, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / "mine.py", config_values(tmp_path))


def test_overrides_that_change_nothing_are_told_beside_the_result(config, capsys):
    assert main(["config", "show", str(config), "--tasks", "det,seg", "--cfg-options", "env.workers=0"]) == 0
    out, err = capsys.readouterr()
    assert "changes nothing" not in out
    assert err.splitlines() == ["--cfg-options env.workers: changes nothing; that is its value already",
                                "--tasks: changes nothing; it names all tasks of the config"]


@pytest.mark.parametrize(("options", "message"), [
    (["env.workers=1", "env.workers=2"], "--cfg-options env.workers: given twice"),
    (["env.workers=1", "--cfg-options", "env.workers=2"], "--cfg-options env.workers: given twice"),
    (["env.workers=" + "-" * 20_000 + "1"], "nested too deep"),
    (["env.workers=" + "(" * 20_000 + "1"], "env.workers"),
    (["env.workers=" + "9" * 20_000], "env.workers"),
    (["env.seed=1e999"], "env.seed=inf: expected a finite number"),
    (["env." + "x" * 20_000 + "=1"], "unknown key"),
    (["x" * 20_000], "expected KEY=VALUE"),
])
def test_hostile_options_are_one_short_line(config, capsys, options, message):
    assert main(["config", "show", str(config), "--cfg-options", *options]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert len(err) < 2300


def test_several_cfg_options_add_up(config, capsys):
    assert main(["config", "show", str(config), "--cfg-options", "env.workers=1", "--cfg-options", "env.seed=7"]) == 0
    out = capsys.readouterr().out
    assert '"workers": 1' in out
    assert '"seed": 7' in out


@pytest.mark.parametrize(("verb", "read", "idle"), [
    (["summary"], "nodes.backbone.width=0.5", "env.workers=3"),
    (["data", "check"], "tasks.seg.classes=['a','b']", "photometric.brightness=0.5"),
])
def test_overrides_that_a_verb_does_not_read_are_told(verb, read, idle, config, capsys):
    main([*verb, str(config), "--cfg-options", read, idle])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("--cfg-options")]
    assert told == [f"--cfg-options {idle.partition('=')[0]}: changes nothing; {' '.join(verb)} does not read it"]
