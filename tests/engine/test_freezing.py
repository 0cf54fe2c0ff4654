import io

import pytest
import torch
from torch import nn

from mtzoo.console import PlainConsole
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.engine.freezing import frozen, frozen_statistics
from mtzoo.engine.run import stages, start_run
from mtzoo.engine.train_stages import train
from tests.engine.tiny_runs import Interrupter, float_solver, go
from tests.tiny import phase, tiny_config


def test_a_frozen_node_keeps_its_weights_and_statistics_and_is_itself_again():
    still, moving = (nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)) for _ in range(2))
    still[0].weight.requires_grad_(False)  # of its own accord: that is not undone
    net = nn.Sequential(still, moving).train()
    with frozen([still]):
        net(torch.randn(4, 2, 3, 3) + 1).square().sum().backward()
        assert [m.training for m in (net, still, still[1], moving, moving[1])] == [True, False, False, True, True]
        assert all(p.grad is None for p in still.parameters())
        assert all(p.grad is not None for p in moving.parameters())
    assert float(still[1].running_mean.abs().sum()) == 0.0
    assert int(still[1].num_batches_tracked) == 0
    assert int(moving[1].num_batches_tracked) == 1
    assert all(m.training for m in net.modules())
    assert [p.requires_grad for p in still.parameters()] == [False, True, True]


def test_it_ends_with_an_error_too():
    node = nn.BatchNorm2d(2)
    try:
        with frozen([node]):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert node.training
        assert all(p.requires_grad for p in node.parameters())


def test_bn_learns_its_factors_by_the_statistics_that_it_has():
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2).eval())).train()
    net[2].eval()
    images = torch.randn(4, 2, 3, 3) + 5
    with frozen_statistics(net):
        assert net.training
        result = net(images)
        torch.testing.assert_close(result, net[0](images), rtol=1e-4, atol=1e-4)  # statistics of 0 and 1
        result.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert int(net[1].num_batches_tracked) == 0
    assert [net[1].training, net[2][0].training] == [True, False]


@pytest.mark.slow
def test_a_node_that_is_frozen_stays_as_it_is_and_resume_is_exact(images, tmp_path, monkeypatch):
    """The backbone in float, where the head learns at ten times the rate; the neck under fake-quant, where the backbone learns."""
    multipliers = {"backbone": {"lr": 0}, "seg_head": {"lr": 10, "weight_decay": 0}}
    solver = float_solver(optimizer={"type": "AdamW", "lr": 2e-3, "multipliers": multipliers})
    quant_phase = phase(1, optimizer={"type": "SGD", "lr": 1e-2, "multipliers": {"n?ck": {"lr": 0}}})
    config = tiny_config(images, ["seg"], solver=[{**solver[0], "quant_phase": quant_phase}, *solver[1:]])
    table = stages(config, float_only=False)[:2]
    interrupter = Interrupter(monkeypatch)
    interrupter.left = 3
    with pytest.raises(KeyboardInterrupt):
        go(config, tmp_path / "parts", float_only=True)
    interrupter.left = None
    go(config, tmp_path / "parts", float_only=True, resume=True)
    run = start_run(config, tmp_path / "whole", ctx="cpu", resume=False, console=PlainConsole(file=io.StringIO(), width=200))
    train(run, table, resume=False)
    begun, done, parts, rounded, later = (load_checkpoint(tmp_path / f"{path}.pt") for path in (
        "whole/with-bn-float-init", "whole/with-bn-float-last", "parts/with-bn-float-last", "whole/with-bn-init", "whole/with-bn-last"))

    def moved(before, after):
        """Nodes; scales of weights aside, which each pass computes from them."""
        return {name.split(".")[1] for name, value in after.network.items()
                if "weight_quant" not in name and not torch.equal(value, before.network[name])}

    assert moved(begun, done) == {"neck", "seg_head"}  # neither weights of the backbone nor its statistics
    assert moved(rounded, later) == {"backbone", "seg_head"}  # nor the scales of its feature maps
    assert all(torch.equal(value, parts.network[name]) for name, value in done.network.items())
    state = load_checkpoint(tmp_path / "whole" / "with-bn-0002.pt").training["phase"]["optimizer"]
    sizes = {node: len(list(run.net.nodes[node].parameters())) for node in run.net.nodes}
    assert sum(len(group["params"]) for group in state["param_groups"]) == len(state["state"]) == sizes["neck"] + sizes["seg_head"]
