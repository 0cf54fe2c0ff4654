"""The folder that a recipe writes into."""

import os

import pytest

from mtzoo.errors import UserError
from mtzoo.recipes.output_folder import UNFINISHED, claim_folder, default_folder, new_folder, note_new_run
from tests.processes import other_process
from tests.tiny import tiny_config


def test_a_folder_has_the_names_of_config_and_workflow(tmp_path):
    config = tiny_config(tmp_path, ["seg"])
    assert default_folder(config, "", "ptq").as_posix() == "work_dirs/tests-tiny-ptq"
    assert default_folder(config).as_posix() == "work_dirs/tests-tiny"


def test_a_resumed_run_that_is_not_there_is_told(tmp_path, capsys):
    note_new_run(tmp_path / "wrong", {"plan.json"})
    assert capsys.readouterr().err == f"--resume: {tmp_path / 'wrong'} holds no run to continue, it starts anew\n"
    (tmp_path / "plan.json").touch()
    note_new_run(tmp_path, {"plan.json"})
    assert capsys.readouterr().err == ""


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


def test_a_run_that_can_go_on_is_told_how(tmp_path):
    (tmp_path / "record.json").touch()
    with pytest.raises(UserError, match=r"not empty; add --resume to continue the run in it, or name a new folder"):
        claim_folder(tmp_path, "--out", records={"record.json"})
    with pytest.raises(UserError, match=r"not empty; name a new folder"):
        claim_folder(tmp_path, "--out", records={"other.json"})


def write_results(folder, *names):
    """Begin a run that writes files of these names; the context, to be kept."""
    context = new_folder(folder, "--out")
    place = context.__enter__()
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("new")
    return context


def test_results_have_their_places_when_all_are_there(tmp_path):
    out = tmp_path / "out"
    context = write_results(out, "a.onnx", "worst/b.jpg")
    assert {*os.listdir(out)} == {".lock", UNFINISHED}
    context.__exit__(None, None, None)
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*")) == ["a.onnx", "worst", "worst/b.jpg"]
    with pytest.raises(UserError, match="is not empty"), new_folder(out, "--out"):
        pass


def test_what_a_killed_run_leaves_is_in_nobody_s_way(tmp_path):
    out = tmp_path / "out"
    with other_process(lambda: write_results(out, "old.onnx")), pytest.raises(UserError, match="in use by"), new_folder(out, "--out"):
        pass
    assert os.listdir(out / UNFINISHED) == ["old.onnx"]
    (out / "mine.txt").touch()
    with pytest.raises(UserError, match="is not empty"), new_folder(out, "--out"):
        pass
    assert os.listdir(out / UNFINISHED) == ["old.onnx"]
    (out / "mine.txt").unlink()
    write_results(out, "new.onnx").__exit__(None, None, None)
    assert os.listdir(out) == ["new.onnx"]


def test_a_file_that_comes_during_the_run_is_not_overwritten(tmp_path):
    context = write_results(tmp_path, "a.onnx", "b.onnx")
    (tmp_path / "b.onnx").write_text("mine")
    with pytest.raises(UserError, match=r"b\.onnx: has come to be during the run, .* the results are in "):
        context.__exit__(None, None, None)
    assert (tmp_path / "b.onnx").read_text() == "mine"
    assert {*os.listdir(tmp_path / UNFINISHED)} == {"a.onnx", "b.onnx"}


def test_of_several_processes_the_first_has_the_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert claim_folder(tmp_path / "run", "--out") is None
    assert not (tmp_path / "run").exists()
