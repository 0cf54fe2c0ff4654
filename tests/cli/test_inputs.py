"""What a command tells of its inputs."""

import pytest

from mtzoo.cli.inputs import check_rendered, say_folders
from mtzoo.cli.main import main
from mtzoo.config import config_from_dict
from mtzoo.errors import UserError
from tests.tiny import config_values, tiny_config, write_config


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path / "mine.py", config_values(tmp_path))


def test_each_folder_is_told_once_with_its_labels(tmp_path, capsys):
    say_folders(tiny_config(tmp_path), "train", "val")
    labels = f"images {tmp_path}/images, labels {tmp_path}/boxes.json, {tmp_path}/masks"
    assert capsys.readouterr().out.splitlines() == [f"train {labels}", f"val {labels}"]


def test_variables_in_paths_are_told_as_what_they_are(tmp_path, capsys, monkeypatch):
    values = config_values(tmp_path, ["seg"])
    values["sources"]["masks"]["images"], values["sources"]["masks"]["masks"] = "$MTZOO_DATA/images", "$UNKNOWN_THING/masks"
    monkeypatch.setenv("MTZOO_DATA", "/data")
    say_folders(config_from_dict(values), "val")
    assert capsys.readouterr() == ("val images /data/images, labels $UNKNOWN_THING/masks\n", "")


def test_a_variable_meant_for_mtzoo_that_no_path_names_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", "/data")
    say_folders(tiny_config(tmp_path), "val")
    assert "MTZOO_DATA is set, but no data path of this config names it" in capsys.readouterr().err


def test_a_setting_of_mtzoo_is_no_path(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MTZOO_CACHE", "off")
    say_folders(tiny_config(tmp_path), "val")
    assert capsys.readouterr().err == ""


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
    (["env.seed=1e999"], "env.seed=inf: a finite number is wanted"),
    (["env." + "x" * 20_000 + "=1"], "unknown key"),
    (["x" * 20_000], "KEY=VALUE is wanted"),
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


def test_a_foreign_config_renders_nothing_unasked(tmp_path):
    values = config_values(tmp_path, ["seg"])
    values["sources"]["masks"] = {"type": "SyntheticScenes", "root": str(tmp_path / "data"), "num": 4000, "seed": 1, "labels": "seg",
                                  "size_hw": [64, 96], "label_map": {"0": 0}}
    config = config_from_dict(values)
    with pytest.raises(UserError, match="data/synth-64x96-4000-1: the synthetic scenes of source 'masks' are not there; "
                                        "--render makes 4,000 of 96x64 pixels"):
        check_rendered(config, render=False)
    check_rendered(config, render=True)
    assert not (tmp_path / "data").exists()
    (tmp_path / "data" / "synth-64x96-4000-1").mkdir(parents=True)
    check_rendered(config, render=False)
