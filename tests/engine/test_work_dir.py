import json
import os
import shutil

import pytest
import torch

from mtzoo.config import config_from_dict
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.work_dir import MARKER, WorkDir, read_marker
from mtzoo.errors import UserError
from tests.processes import other_process
from tests.tiny import config_values, tiny_config


def at(step, quantized, iteration, done=False):
    return Checkpoint({}, Progress(step, quantized, iteration, done), {"w": torch.zeros(1)})


@pytest.fixture
def work_dir(tmp_path):
    folder = WorkDir(tmp_path / "run", tiny_config(tmp_path), keep=2)
    folder.claim(resume=False)
    return folder


def test_a_fresh_folder_is_made_and_marked(work_dir):
    marker = json.loads((work_dir.path / "config.json").read_text())
    assert marker["name"] == "tests/tiny"
    assert marker["config"] == work_dir.config.resolved
    work_dir.claim(resume=False)  # nothing was trained yet: still free
    assert work_dir.latest() is None


def test_a_folder_where_nothing_was_trained_is_free_for_any_config(work_dir, tmp_path):
    for resume in (False, True):
        other = WorkDir(work_dir.path, env(tmp_path, seed=7 + resume), keep=2)
        other.claim(resume)
        marker = json.loads((work_dir.path / "config.json").read_text())
        assert marker["config"]["env"]["seed"] == 7 + resume


def test_a_result_without_its_checkpoints_is_still_a_run(work_dir, tmp_path):
    (work_dir.path / "int-inference-export-last.onnx").touch()
    with pytest.raises(UserError, match="holds the run of another config"):
        WorkDir(work_dir.path, env(tmp_path, seed=7), keep=2).claim(resume=False)


def test_a_config_json_of_something_else_is_left_alone(work_dir):
    (work_dir.path / "config.json").write_text('{"model_type": "mine"}')
    with pytest.raises(UserError, match=r"run: holds the run of another config .*\(its config\.json does not say which\)"):
        work_dir.claim(resume=False)
    assert (work_dir.path / "config.json").read_text() == '{"model_type": "mine"}'


def test_another_configs_run_is_left_alone(work_dir, tmp_path):
    work_dir.save_numbered(at(0, False, 2))
    other = WorkDir(work_dir.path, tiny_config(tmp_path, ["seg"]), keep=2)
    for resume in (False, True):
        with pytest.raises(UserError, match=r"run: holds the run of another config \(tests/tiny, \w+\); choose another --out"):
            other.claim(resume)


def env(tmp_path, **changes):
    return tiny_config(tmp_path, env={**config_values(tmp_path)["env"], **changes})


@pytest.mark.parametrize("change", [
    {"workers": 3}, {"cache_mb": 7}, {"threads": 1}, {"log_interval": 1}, {"checkpoint_interval": 1}, {"keep_checkpoints": 1},
    {"default_ctx": "0"}, {"max_bad_images": 0.5}, {"seed": 0},
])
def test_what_changes_no_result_may_differ(work_dir, tmp_path, change):
    work_dir.save_numbered(at(0, False, 2))
    WorkDir(work_dir.path, env(tmp_path, **change), keep=2).claim(resume=True)


@pytest.mark.parametrize(("change", "message"), [
    ({"seed": 7}, r"\(it has env\.seed=its default, or nothing, here env\.seed=7\)"),
    ({"amp": "bf16"}, r"\(it has env\.amp='off', here env\.amp='bf16'\)"),
])
def test_what_changes_results_is_named_with_both_values(work_dir, tmp_path, change, message):
    work_dir.save_numbered(at(0, False, 2))
    with pytest.raises(UserError, match=f"holds the run of another config.*{message}"):
        WorkDir(work_dir.path, env(tmp_path, **change), keep=2).claim(resume=True)


def test_of_another_network_the_nodes_are_named_first(work_dir, tmp_path):
    """Its training differs as well, and stands further up in a config."""
    work_dir.save_numbered(at(0, False, 2))
    values = {"photometric": {"hue": 0.5}, **config_values(tmp_path, samples_per_epoch=7)}
    values["nodes"] = {**values["nodes"], "backbone": {**values["nodes"]["backbone"], "width": 0.5}}
    other = WorkDir(work_dir.path, config_from_dict(values), keep=2)
    with pytest.raises(UserError, match=r"\(it has nodes\.backbone\.width=0\.25, here nodes\.backbone\.width=0\.5\)"):
        other.claim(resume=True)


def test_the_same_configs_run_wants_resume(work_dir):
    work_dir.save_numbered(at(0, False, 2))
    with pytest.raises(UserError, match="holds a run of this config; continue with --resume"):
        work_dir.claim(resume=False)
    work_dir.claim(resume=True)


def test_checkpoints_of_nobody_are_left_alone(work_dir):
    work_dir.save_numbered(at(0, False, 2))
    (work_dir.path / "config.json").unlink()
    with pytest.raises(UserError, match=r"holds checkpoints but no config\.json"):
        work_dir.claim(resume=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "\udcff", "[" * 200_000])
def test_a_damaged_marker_is_one_line(work_dir, text):
    (work_dir.path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"config\.json: .*(choose another --out|save the file as UTF-8)"):
        work_dir.claim(resume=False)


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match=r"taken: cannot make the work dir"):
        WorkDir(tmp_path / "taken", tiny_config(tmp_path), keep=2).claim(resume=False)


def test_numbers_rise_and_the_oldest_go(work_dir):
    names = [work_dir.save_numbered(at(0, False, i)).name for i in (2, 4, 6, 8)]
    assert names == [f"with-bn-000{i}.pt" for i in (1, 2, 3, 4)]
    assert sorted(p.name for p in work_dir.path.glob("*.pt")) == names[2:]
    assert work_dir.save_numbered(at(1, True, 2)).name == "fusion-bn-c1-0001.pt"  # each step counts for itself
    assert work_dir.save_numbered(at(0, True, 2)).name == "with-bn-0005.pt"


def test_latest_is_the_furthest_not_the_newest(work_dir):
    save_checkpoint(work_dir.file(1, "init"), at(1, True, 0))
    save_checkpoint(work_dir.file(0, "last"), at(0, True, 9, done=True))
    save_checkpoint(work_dir.file(0, "float-last"), at(0, False, 99, done=True))
    assert work_dir.latest()[0].name == "fusion-bn-c1-init.pt"
    work_dir.save_numbered(at(1, True, 2))
    assert work_dir.latest()[0].name == "fusion-bn-c1-0001.pt"


def test_integers_are_no_place_to_go_on_from(work_dir):
    """A run cut off in verify or bench: step 3 is made again from step 2."""
    save_checkpoint(work_dir.file(2, "last"), at(2, True, 9, done=True))
    save_checkpoint(work_dir.file(3, "last"), at(3, True, 0, done=True))
    assert work_dir.latest()[0].name == "fusion-bn-c2-last.pt"


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(work_dir, capsys):
    work_dir.save_numbered(at(0, False, 2))
    path = work_dir.save_numbered(at(0, False, 4))
    path.write_bytes(path.read_bytes()[:100])
    assert work_dir.latest()[0].name == "with-bn-0001.pt"
    assert "left out: " in capsys.readouterr().err
    assert path.exists()


def test_a_checkpoint_that_diverged_is_never_gone_on_from(work_dir, capsys):
    work_dir.save_numbered(at(0, False, 2))
    wild = at(0, False, 4)
    wild.network["w"][0] = float("nan")
    with pytest.raises(UserError, match="with-bn-0002.pt: not written, the training has diverged: 'w' holds values"):
        work_dir.save_numbered(wild)
    assert work_dir.latest()[0].name == "with-bn-0001.pt"
    values = torch.load(work_dir.path / "with-bn-0001.pt", weights_only=True)
    later = {**values["progress"], "iteration": 4}
    torch.save({**values, "network": wild.network, "progress": later}, work_dir.path / "with-bn-0002.pt")
    assert work_dir.latest()[0].name == "with-bn-0001.pt"  # an older version wrote it
    assert "with-bn-0002.pt: 'w' holds values that are not finite" in capsys.readouterr().err


def test_no_checkpoint_that_can_be_read_is_one_line(work_dir):
    path = work_dir.save_numbered(at(0, False, 2))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"with-bn-0001\.pt: truncated.*of 1 checkpoints here none can be read"):
        work_dir.latest()


def test_a_pipeline_test_and_the_real_run_do_not_share_a_folder(tmp_path):
    folder = WorkDir(tmp_path / "run", tiny_config(tmp_path), keep=2)
    folder.claim(resume=False, pipeline_test=True)
    folder.save_numbered(at(0, False, 2))
    folder.claim(resume=True, pipeline_test=True)
    with pytest.raises(UserError, match="pipeline-test"):
        folder.claim(resume=True)


def test_a_second_process_is_refused_even_with_resume(work_dir, tmp_path):
    work_dir.lock.release()
    other = WorkDir(work_dir.path, work_dir.config, keep=2)
    with other_process(lambda: other.claim(resume=False)):
        for resume in (False, True):
            with pytest.raises(UserError, match=r"run: in use by process \d+ on .*; wait for its end, stop it, or choose another"):
                WorkDir(work_dir.path, work_dir.config, keep=2).claim(resume)
    WorkDir(work_dir.path, work_dir.config, keep=2).claim(resume=False)  # the other was killed


def test_what_a_killed_run_left_unfinished_goes(work_dir):
    left = [work_dir.path / ".with-bn-0001.pt.host-1-00000000.part", work_dir.path / "pictures" / ".a.jpg.host-1-00000000.part"]
    left[1].parent.mkdir()
    for path in left:
        path.write_bytes(b"")
    work_dir.claim(resume=True)
    assert not any(path.exists() for path in left)


def test_a_work_dir_that_was_deleted_meanwhile_does_not_come_back_half(work_dir):
    work_dir.save_numbered(at(0, False, 2))
    shutil.rmtree(work_dir.path)
    with pytest.raises(UserError, match="run: the work dir was deleted or replaced"):
        work_dir.save_numbered(at(0, False, 4))
    assert not work_dir.path.exists()
    again = WorkDir(work_dir.path, work_dir.config, keep=2)
    again.claim(resume=False)
    with pytest.raises(UserError, match="deleted or replaced"):
        work_dir.save(work_dir.file(0, "last"), at(0, False, 4))
    again.save_numbered(at(0, False, 2))
    assert sorted(os.listdir(work_dir.path)) == [".lock", "config.json", "with-bn-0001.pt"]


def test_advice_names_a_checkpoint_to_go_on_from_only_where_there_is_one(work_dir, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"No space left on device\); free space or choose another --out$"):
        work_dir.save_numbered(at(0, False, 2))
    monkeypatch.undo()
    work_dir.save_numbered(at(0, False, 2))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="free space or continue with --resume; the previous checkpoint is whole"):
        work_dir.save_numbered(at(0, False, 4))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_as_marker_is_not_waited_for(work_dir):
    marker = work_dir.path / MARKER
    marker.unlink()
    os.mkfifo(marker)
    with pytest.raises(UserError, match=r"config\.json: a folder, pipe or device"):
        read_marker(marker)
