"""What a recipe tells of the folders that it reads."""

import pytest

from mtzoo.config import config_from_dict
from mtzoo.console import PlainConsole
from mtzoo.errors import UserError
from mtzoo.recipes.data_folders import check_rendered, say_folders
from tests.tiny import config_values, tiny_config


def test_each_folder_is_told_once_with_its_labels(tmp_path, capsys):
    say_folders(tiny_config(tmp_path), PlainConsole(), "train", "val")
    labels = f"images {tmp_path}/images, labels {tmp_path}/boxes.json, {tmp_path}/masks"
    assert capsys.readouterr().out.splitlines() == [f"train {labels}", f"val {labels}"]


def test_images_without_labels_are_told_as_such(tmp_path, capsys):
    values = config_values(tmp_path, ["seg"])
    values["sources"]["drives"] = {"type": "UnlabelledImages", "images": str(tmp_path / "drives")}
    values["tasks"]["seg"]["train"] = ["drives"]
    say_folders(config_from_dict(values), PlainConsole(), "train")
    assert capsys.readouterr().out == f"train images {tmp_path}/drives, labels none\n"


def test_variables_in_paths_are_told_as_what_they_are(tmp_path, capsys, monkeypatch):
    values = config_values(tmp_path, ["seg"])
    values["sources"]["masks"]["images"], values["sources"]["masks"]["masks"] = "$MTZOO_DATA/images", "$UNKNOWN_THING/masks"
    monkeypatch.setenv("MTZOO_DATA", "/data")
    say_folders(config_from_dict(values), PlainConsole(), "val")
    assert capsys.readouterr() == ("val images /data/images, labels $UNKNOWN_THING/masks\n", "")


def test_a_variable_meant_for_mtzoo_that_no_path_names_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MTZOO_DATA", "/data")
    say_folders(tiny_config(tmp_path), PlainConsole(), "val")
    assert "MTZOO_DATA is set, but no data path of this config names it" in capsys.readouterr().err


def test_a_setting_of_mtzoo_is_no_path(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MTZOO_CACHE", "off")
    say_folders(tiny_config(tmp_path), PlainConsole(), "val")
    assert capsys.readouterr().err == ""


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
