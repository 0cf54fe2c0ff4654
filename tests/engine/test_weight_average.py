"""The average against its formula in numpy, and in whole runs."""

import io
import math

import numpy as np
import pytest
import torch
from torch import nn

from mtzoo.config.averaging import Ema
from mtzoo.console import PlainConsole
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from mtzoo.engine.weight_average import WeightAverage
from mtzoo.errors import UserError
from tests.engine.tiny_runs import Interrupter, float_solver
from tests.tiny import phase, tiny_config


@pytest.mark.parametrize("warmup", [0, 5])
def test_weights_and_bn_statistics_are_averaged_and_counters_are_not(warmup):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)).train()
    average = WeightAverage(net, Ema(0.9, warmup))
    keys = ("0.weight", "0.bias", "1.running_mean", "1.running_var")
    wanted = {key: net.state_dict()[key].double().numpy().copy() for key in keys}
    for update in (1, 2, 3):
        net(torch.randn(4, 2, 5, 5) + update)
        with torch.no_grad():
            net[0].weight.add_(update)
        average.update()
        kept = 0.9 * (1 - math.exp(-update / warmup)) if warmup else 0.9
        wanted = {key: kept * wanted[key] + (1 - kept) * net.state_dict()[key].double().numpy() for key in keys}
    trained = {key: value.clone() for key, value in net.state_dict().items()}
    with average.in_network():
        for key in keys:
            np.testing.assert_allclose(net.state_dict()[key].numpy(), wanted[key], rtol=1e-5)
        assert int(net[1].num_batches_tracked) == 3
        state = average.state()
    assert all(torch.equal(value, trained[key]) for key, value in net.state_dict().items())
    assert all(torch.equal(value, trained[key]) for key, value in state["trained"].items())
    average.settle()
    np.testing.assert_allclose(net[0].weight.detach().numpy(), wanted["0.weight"], rtol=1e-5)


def test_zeros_of_sparse_weights_stay_zeros():
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
    average = WeightAverage(net, Ema(0.5, 0), [net[0].weight])
    with torch.no_grad():
        for layer in net:
            layer.weight[0] = 0
    average.update()
    average.settle()
    assert not net[0].weight[0].any()
    assert net[0].weight[1:].all()
    assert net[1].weight.all()


@pytest.mark.parametrize("state", [{"updates": "x", "trained": {}}, {"updates": 1, "trained": {}},
                                   {"updates": 1, "trained": {"weight": torch.ones(1), "bias": torch.ones(1)}}])
def test_a_state_that_does_not_fit_is_refused(state):
    with pytest.raises((UserError, ValueError, KeyError)):
        WeightAverage(nn.Conv2d(2, 2, 1), Ema()).load_state(state)


@pytest.mark.slow
def test_the_average_is_evaluated_and_handed_on_and_resume_is_exact(images, tmp_path, monkeypatch):
    """In the float phase and under fake-quant, cut off between two checkpoints."""
    ema = {"decay": 0.5, "warmup_iterations": 0}
    solver = float_solver(ema=ema)
    config = tiny_config(images, ["seg"], solver=[{**solver[0], "quant_phase": phase(ema=ema)}, *solver[1:]])
    table = stages(config, float_only=False)[:2]

    def go(name, resume=False):
        run = start_run(config, tmp_path / name, ctx="cpu", resume=resume, console=PlainConsole(file=io.StringIO(), width=200))
        train(run, table, resume=resume)
        return [load_checkpoint(tmp_path / name / f"{stem}.pt") for stem in ("with-bn-float-last", "with-bn-last")]

    whole = go("whole")
    interrupter = Interrupter(monkeypatch)
    for done in (3, 4):  # before the last iteration of the float phase, and of the other
        interrupter.left = done
        with pytest.raises(KeyboardInterrupt):
            go("parts", resume=done == 4)
    interrupter.left = None
    for ours, other in zip(whole, go("parts", resume=True), strict=True):
        assert all(torch.equal(value, other.network[key]) for key, value in ours.network.items())
        assert ours.history[-1]["metrics"] == other.history[-1]["metrics"]
    middle, end, init = (load_checkpoint(tmp_path / "whole" / f"with-bn-{name}.pt") for name in ("0001", "0002", "init"))
    assert [state.training["phase"]["average"]["updates"] for state in (middle, end)] == [2, 4]
    trained = end.training["phase"]["average"]["trained"]
    assert all(torch.equal(value, whole[0].network[key]) for key, value in end.network.items())
    assert any(not torch.equal(value, end.network[key]) for key, value in trained.items())
    assert all(torch.equal(init.network[key], end.network[key]) for key in trained)
