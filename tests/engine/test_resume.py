"""Runs that go on, and what they start from."""

import shutil

import pytest
import torch

from mtzoo.engine import loop, train_stages
from mtzoo.engine.checkpoint import load_checkpoint, save_checkpoint
from mtzoo.engine.integer_step import to_integers
from mtzoo.engine.work_dir import WorkDir
from mtzoo.errors import UserError
from tests.engine.tiny_runs import Interrupter, float_solver, go
from tests.tiny import config_values, tiny_config


def interrupted(*args, **kwargs):
    raise KeyboardInterrupt


NUMBERED = ("with-bn-0001", "with-bn-0002", "with-bn-0003", "with-bn-0004", "fusion-bn-c1-0001", "fusion-bn-c1-0002",
            "fusion-bn-c2-0001", "fusion-bn-c2-0002")
LAST = ("with-bn-float-last", "with-bn-last", "fusion-bn-c1-last", "fusion-bn-c2-last")


@pytest.mark.slow
def test_an_interrupted_run_ends_as_the_uninterrupted_one(images, tmp_path, monkeypatch):
    """Bit for bit, in the float phase, under fake-quant, after each fold and with frozen observers; loss balance too.

    Each phase has 4 iterations, checkpoints after the second and the last, and crosses from one epoch into the next.
    """
    config = tiny_config(images, loss_balance="uncertainty")
    go(config, tmp_path / "whole")
    interrupter = Interrupter(monkeypatch)
    # (iterations done before the interrupt, the file the next process has to start from)
    for done, start in ((3, "with-bn-0001"), (2, "with-bn-init"), (3, "with-bn-0003"), (2, "fusion-bn-c1-init"),
                        (3, "fusion-bn-c1-0001"), (2, "fusion-bn-c2-init"), (3, "fusion-bn-c2-0001")):
        interrupter.left = done
        with pytest.raises(KeyboardInterrupt):
            go(config, tmp_path / "parts", resume=True)
        assert WorkDir(tmp_path / "parts", config, keep=9).latest()[0].stem == start
    interrupter.left = None
    with monkeypatch.context() as patch:
        patch.setattr(train_stages, "evaluate_shown", interrupted)
        with pytest.raises(KeyboardInterrupt):
            go(config, tmp_path / "parts", resume=True)
    assert WorkDir(tmp_path / "parts", config, keep=9).latest()[0].stem == "fusion-bn-c2-0002"  # trained, not yet evaluated
    finished = go(config, tmp_path / "parts", resume=True)
    for name in LAST:
        whole, parts = (load_checkpoint(tmp_path / folder / f"{name}.pt") for folder in ("whole", "parts"))
        assert whole.network.keys() == parts.network.keys()
        different = [key for key, value in whole.network.items() if not torch.equal(value, parts.network[key])]
        assert not different, name
        balance, other = (checkpoint.training["criterion"] for checkpoint in (whole, parts))
        assert all(torch.equal(value, other[key]) for key, value in balance.items())
        for key in ("name", "metrics", "curve"):
            assert [h[key] for h in whole.history] == [h[key] for h in parts.history], key
    assert len(balance) == 2
    assert all(balance.values())
    assert [record.name for record in finished.history] == ["with-bn-float", "with-bn", "fusion-bn-c1", "fusion-bn-c2"]
    to_integers(finished)
    again = go(config, tmp_path / "parts", resume=True)  # as after an interrupt in verify or bench
    assert [record.name for record in again.history] == [record.name for record in finished.history]
    names = {path.stem for path in (tmp_path / "whole").glob("*.pt")}
    assert names == {*LAST, "with-bn-float-init", "with-bn-init", "fusion-bn-c1-init", "fusion-bn-c2-init", *NUMBERED}
    bn = {name: sum(".bn." in key for key in load_checkpoint(tmp_path / "whole" / f"{name}.pt").network) for name in LAST}
    assert bn["with-bn-float-last"] == bn["with-bn-last"] > bn["fusion-bn-c1-last"] > bn["fusion-bn-c2-last"] == 0
    before, after = (load_checkpoint(tmp_path / "whole" / f"{name}.pt").network for name in ("with-bn-last", "fusion-bn-c1-last"))
    assert all(torch.equal(before[name], value) for name, value in after.items() if ".bn.running_" in name)
    assert any(not torch.equal(before[name], value) for name, value in after.items() if ".bn.weight" in name)


@pytest.mark.slow
def test_a_finished_run_resumes_into_nothing(images, tmp_path, monkeypatch):
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    first = go(config, tmp_path / "run", float_only=True)
    told = []
    monkeypatch.setattr(loop, "train_step", lambda *args: pytest.fail("trained again"))
    again = go(config, tmp_path / "run", resume=True, float_only=True, on_stage_end=lambda run, *at: told.append(at))
    assert told == [(0, False)]
    assert all(torch.equal(v, again.net.state_dict()[k]) for k, v in first.net.state_dict().items())


@pytest.mark.slow
def test_a_checkpoint_of_an_older_version_is_told(images, tmp_path):
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    go(config, tmp_path / "run", float_only=True)
    last = tmp_path / "run" / "with-bn-float-last.pt"
    checkpoint = load_checkpoint(last)
    del checkpoint.training["criterion"]
    save_checkpoint(last, checkpoint)
    with pytest.raises(UserError, match=r"with-bn-float-last\.pt: .*older version wrote it without 'criterion'; start anew"):
        go(config, tmp_path / "run", float_only=True, resume=True)


@pytest.mark.slow
def test_a_start_from_a_float_checkpoint(images, tmp_path, monkeypatch):
    """--checkpoint: weights of the same names and shapes come over, published ones are not read; a quantized or foreign checkpoint is
    refused."""
    published = []
    monkeypatch.setattr(train_stages, "start_from_published", lambda net: published.append(net) or [])
    go(tiny_config(images, ["seg"], solver=float_solver(iterations=1)), tmp_path / "first", float_only=True)
    assert len(published) == 1
    last = tmp_path / "first" / "with-bn-float-last.pt"
    config = tiny_config(images, solver=float_solver(iterations=1))
    go(config, tmp_path / "second", float_only=True, load_from=last)
    init = load_checkpoint(tmp_path / "second" / "with-bn-float-init.pt").network
    assert all(torch.equal(value, init[name]) for name, value in load_checkpoint(last).network.items())
    assert any("det_head" in name for name in init)
    assert len(published) == 1
    wide = {"backbone": {"type": "VarGNetV2", "width": 0.5}, "neck": {"type": "UnetNeck", "inputs": ["backbone"]}}
    with pytest.raises(UserError, match=r"with-bn-float-last\.pt: checkpoint of another network"):
        go(tiny_config(images, ["seg"], nodes=wide), tmp_path / "third", float_only=True, load_from=last)
    with pytest.raises(UserError, match=r"gone\.pt: no such checkpoint"):
        go(config, tmp_path / "fourth", float_only=True, load_from=tmp_path / "gone.pt")


@pytest.fixture(scope="module")
def halfway(images, tmp_path_factory):
    """The config and the files of a run that was cut off after half of its iterations."""
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=4))
    path = tmp_path_factory.mktemp("halfway") / "run"
    go(config, path, float_only=True)
    for name in ("with-bn-0002.pt", "with-bn-float-last.pt"):
        (path / name).unlink()
    return config, path


def optimizer_with(change):
    def changed(phase):
        optimizer = phase["optimizer"]
        first = optimizer["state"][0]
        return {**phase, "optimizer": {**optimizer, "state": {**optimizer["state"], 0: change(first)}}}

    return changed


@pytest.mark.parametrize(("key", "change", "message"), [
    ("phase", lambda phase: {"iteration": "x"}, r"0001\.pt: training\.phase of the checkpoint does not fit"),
    ("phase", lambda phase: {**phase, "iteration": 10**9}, "training.phase.iteration=1000000000, but progress.iteration=2"),
    ("phase", lambda phase: {**phase, "optimizer": 1}, "training.phase.optimizer of the checkpoint does not fit"),
    ("phase", lambda phase: {**phase, "optimizer": {"state": {}, "param_groups": []}}, "training.phase.optimizer"),
    ("phase", optimizer_with(lambda state: {"step": 1}), r"training\.phase\.optimizer.*a parameter's state is"),
    ("phase", optimizer_with(lambda state: {**state, "exp_avg": torch.ones(1)}), "exp_avg has not the shape of its parameter"),
    ("phase", lambda phase: {**phase, "schedule": {"step": 1, "last_epoch": "x"}}, r"phase\.schedule.*last_epoch is not of type int"),
    ("phase", lambda phase: {**phase, "progress": {"curve": [1], "sums": {}}}, "curve"),
    ("criterion", lambda criterion: {"x": torch.ones(1)}, r"0001\.pt: training\.criterion of the checkpoint does not fit"),
    ("rng", lambda rng: torch.ones(3), r"0001\.pt: training\.rng of the checkpoint does not fit"),
    ("bad_images", lambda bad: {"draws": "x", "paths": []}, "draws='x': expected int"),
    ("processes", lambda processes: 0, r"0001\.pt: training\.processes=0: expected 1 or more"),
])
def test_a_training_state_that_does_not_fit_is_one_line(halfway, tmp_path, key, change, message):
    config, path = halfway
    shutil.copytree(path, tmp_path / "run")
    file = tmp_path / "run" / "with-bn-0001.pt"
    values = torch.load(file, weights_only=True)
    values["training"][key] = change(values["training"][key])
    torch.save(values, file)
    with pytest.raises(UserError, match=message):
        go(config, tmp_path / "run", float_only=True, resume=True)


def test_resume_with_other_workers_gives_the_same_network(halfway, images, tmp_path):
    config, path = halfway
    networks = []
    for name, env in (("same", {}), ("other", {"cache_mb": 1, "log_interval": 1, "checkpoint_interval": 1, "workers": 1})):
        shutil.copytree(path, tmp_path / name)
        own = tiny_config(images, ["seg"], solver=float_solver(iterations=4), env={**config_values(images)["env"], **env})
        networks.append(go(own, tmp_path / name, float_only=True, resume=True).net.state_dict())
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())
