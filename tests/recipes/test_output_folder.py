"""The folder that a recipe writes into."""

import os

import pytest

from mtzoo.errors import UserError
from mtzoo.recipes.output_folder import claim_folder, default_folder
from tests.processes import other_process
from tests.tiny import tiny_config


def test_a_folder_has_the_names_of_config_and_workflow(tmp_path):
    config = tiny_config(tmp_path, ["seg"])
    assert default_folder(config, "", "ptq").as_posix() == "work_dirs/tests-tiny-ptq"
    assert default_folder(config).as_posix() == "work_dirs/tests-tiny"


def test_a_folder_is_made_and_held(tmp_path):
    folder = tmp_path / "a" / "b"
    other = other_process(lambda: claim_folder(folder, "--out"))
    with other, pytest.raises(UserError, match=r"b: in use by process .* choose another --out"):
        claim_folder(folder, "--out")
    lock = claim_folder(folder, "--out")  # the lock file of the killed process is no content
    assert lock.holds()
    lock.release()
    assert os.listdir(folder) == []


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path):
    claim_folder(tmp_path / "run", "--out").release()
    assert os.listdir(tmp_path) == []
    lock = claim_folder(tmp_path / "run", "--out")
    (tmp_path / "run" / "table.json").touch()
    lock.release()
    assert os.listdir(tmp_path / "run") == ["table.json"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "table.json").touch()
    with pytest.raises(UserError, match=r"--out .*: exists already and is not empty; name a new folder"):
        claim_folder(tmp_path, "--out")
    assert os.listdir(tmp_path) == ["table.json"]
    assert claim_folder(tmp_path, "--out", {"table.json"}).holds()
    assert claim_folder(tmp_path, "--out", None).holds()


def test_of_several_processes_the_first_has_the_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert claim_folder(tmp_path / "run", "--out") is None
    assert not (tmp_path / "run").exists()
