"""Runs from start to end: what is trained, and what stops them."""

import io

import pytest
import torch

from mtzoo.console import PlainConsole
from mtzoo.engine import loop
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from mtzoo.errors import UserError
from tests.engine.tiny_runs import float_solver, go
from tests.tiny import config_values, phase, tiny_config


def test_a_run_takes_the_threads_that_its_config_gives(images, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    for threads in (0, 3):
        env = {**config_values(images)["env"], "threads": threads}
        start_run(tiny_config(images, env=env), tmp_path / str(threads), ctx="cpu", resume=False, pipeline_test=False,
                  console=PlainConsole(file=io.StringIO()))
    assert taken == [3]


def test_corrections_of_a_network_that_rounds_already_are_told_and_left_out(images, tmp_path):
    solver = [{"prefix": "with-bn", "quant_phase": phase(1)}, {"prefix": "fusion-bn-c1", "quant_phase": phase(1)},
              {"prefix": "fusion-bn-c2", "quant_phase": phase(1, corrections={"biases": True})}, {"prefix": "int-inference"}]
    config, said = tiny_config(images, ["seg"], solver=solver), io.StringIO()
    run = start_run(config, tmp_path / "run", ctx="cpu", resume=False, console=PlainConsole(file=said, width=200))
    train(run, stages(config, False), resume=False)
    assert "solver.2.quant_phase.corrections are left out: the network has learned to round already\n" in said.getvalue()


def test_what_is_trained_is_the_solvers_table(images):
    def table(float_only):
        return [(step, quantized) for step, quantized, _ in stages(tiny_config(images), float_only)]

    assert table(float_only=False) == [(0, False), (0, True), (1, True), (2, True)]
    assert table(float_only=True) == [(0, False)]


@pytest.mark.slow
def test_a_few_images_are_learnt(images, tmp_path):
    config = tiny_config(images, solver=float_solver(iterations=40, batch_size=3, optimizer={"type": "AdamW", "lr": 4e-3}))
    run = go(config, tmp_path / "run", float_only=True)
    curve = [means["loss"] for _, means in run.history[0].curve]
    assert curve[-1] < 0.6 * curve[0]
    assert run.history[0].metrics["seg/mIoU"] > 50


@pytest.mark.parametrize("task", ["det", "seg"])
def test_a_loss_that_is_no_number_stops_in_one_line(images, tmp_path, task):
    """Where no checkpoint comes first, which would notice it, too."""
    env = {**config_values(images)["env"], "checkpoint_interval": 100}
    config = tiny_config(images, [task], env=env, solver=float_solver(iterations=12, optimizer={"type": "SGD", "lr": 1e6}))
    with pytest.raises(UserError, match=r"with-bn-float, iteration \d: the loss is (nan|inf); lower the learning rate .*\.png"):
        go(config, tmp_path / "run", float_only=True)


def test_a_batch_larger_than_an_epoch_is_told(images, tmp_path):
    config = tiny_config(images, ["seg"], solver=float_solver(batch_size=7))
    with pytest.raises(UserError, match="batch_size=7.*is more than an epoch's 6 samples; lower it"):
        go(config, tmp_path / "run", float_only=True)


@pytest.mark.parametrize("blown", [float("nan"), float("inf"), 1e38])
def test_an_update_that_blows_up_is_never_written_and_resume_has_a_finite_place(images, tmp_path, monkeypatch, blown):
    """The loss of the iteration is finite, what it makes of the weights is not: also in the last iteration."""
    step = loop.train_step

    def blow_up(net, *args):
        losses = step(net, *args)
        with torch.no_grad():
            next(net.parameters())[0, 0, 0, 0] = blown
        return losses

    monkeypatch.setattr(loop, "train_step", blow_up)
    config = tiny_config(images, ["seg"], solver=float_solver(iterations=1))
    for resume in (False, True):
        with pytest.raises(UserError, match=r"with-bn-0001\.pt: not written, the training has diverged: .*lower the learning rate"):
            go(config, tmp_path / "run", float_only=True, resume=resume)
        assert sorted(path.name for path in (tmp_path / "run").glob("*.pt")) == ["with-bn-float-init.pt"]
    assert all(torch.isfinite(value).all() for value in load_checkpoint(tmp_path / "run" / "with-bn-float-init.pt").network.values())
