import json

import pytest

from mtzoo.cli.main import main
from tests.tiny import config_values, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / "mine.py", config_values(tmp_path))


def refused(argv, capsys):
    """The one line of a refusal."""
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_shows_the_resolved_config(config, capsys):
    assert main(["config", "show", str(config), "--cfg-options", "env.workers=4", "nodes.backbone.width=0.5", "data_root=x/y"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["env"]["workers"] == 4
    assert shown["nodes"]["backbone"]["width"] == 0.5
    assert shown["data_root"] == "x/y"
    assert len(shown["hash"]) == 16


def test_a_shipped_config_by_its_name_and_one_task(capsys):
    assert main(["config", "show", "4pe_resize/multitask", "--tasks", "seg_lane"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert list(shown["tasks"]) == ["seg_lane"]
    assert "im_hw" not in shown["int_inference_export_input_shape"]


@pytest.mark.parametrize(("options", "message"), [
    (["--cfg-options", "env.workrs=1"], "env.workrs: unknown key; did you mean 'workers'?"),
    (["--cfg-options", "env.workers=two"], "env.workers='two': expected int"),
    (["--cfg-options", "env.workers"], "--cfg-options env.workers: expected KEY=VALUE"),
    (["--cfg-options", "nodes.backbone.widht=1"], "VarGNetV2 has no such parameter; did you mean 'width'?"),
    (["--tasks", "segg"], "--tasks segg: the config has no such task; did you mean 'seg'?"),
    (["--tasks", "seg,seg"], "--tasks seg,seg: 'seg' is there twice; name it once"),
    (["--tasks", ","], "--tasks ',': expected names of tasks with commas between"),
])
def test_what_is_wrong_is_one_line(config, capsys, options, message):
    assert message in refused(["config", "show", str(config), *options], capsys)


def test_a_config_without_tasks_is_one_line(tmp_path, capsys):
    path = write_config(tmp_path / "none.py", config_values(tmp_path, []))
    assert "none.py: tasks is empty; a config needs at least one task" in refused(["config", "show", str(path)], capsys)


def test_two_specs_of_one_name_are_both_shown(tmp_path, capsys):
    values = config_values(tmp_path)
    values["tasks"]["seg"]["nodes"][0] = {"name": "backbone", "type": "VarGNetV2", "width": 1.0}
    line = refused(["config", "show", str(write_config(tmp_path / "two.py", values))], capsys)
    assert "node 'backbone' has two specs" in line
    assert "width=0.25" in line
    assert "width=1.0" in line


def test_a_config_that_does_not_exist_names_the_nearest(capsys):
    assert "did you mean '4pe_resize/multitask'?" in refused(["config", "show", "4pe_resize/multitsk"], capsys)
