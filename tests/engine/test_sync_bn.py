"""BN over two processes on the CPU (gloo) against one process that has all images."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from mtzoo.engine import sync_bn
from mtzoo.engine.sync_bn import AllReducedBatchNorm, synchronized_bn

SHARES = (3, 1)  # images of each process


def small_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    return net.train()


def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(sum(SHARES), 3, 6, 7, generator=generator) * 3 + 40  # a mean far from 0, where squares would cancel


def one_step(net, own):
    """What a forward and backward pass on `own` images leaves: state and gradients of the sum of all outputs' cubes."""
    loss = (net(own) ** 3).sum()
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in net.named_parameters()}, dict(net.state_dict())


def one_of_two(rank, folder):
    """In a process of its own: two steps on its share, gradients summed over both; the result in `folder`."""
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=len(SHARES))
    net, own = small_net(), images().split(SHARES)[rank]
    layers = list(net)
    with synchronized_bn([net], torch.device("cpu")):
        assert [type(m) for m in net][1] is AllReducedBatchNorm
        loss, gradients, state = one_step(net, own)
        for value in (loss, *gradients.values()):
            dist.all_reduce(value)
    assert list(net) == layers  # the very same BatchNorm2d again
    torch.save({"loss": loss, "gradients": gradients, "state": state, "eval": net.eval()(images()).detach()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_have_the_statistics_and_gradients_of_one_with_all_images(tmp_path):
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "PYTHONPATH": str(root)}
    code = f"from tests.engine.test_sync_bn import one_of_two; one_of_two(RANK, {str(tmp_path)!r})"
    processes = [subprocess.Popen([sys.executable, "-c", code.replace("RANK", str(rank))], stderr=subprocess.PIPE, text=True,
                                  env={**environment, "RANK": str(rank)}) for rank in range(len(SHARES))]
    told = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    net = small_net()
    loss, gradients, state = one_step(net, images())
    wanted = net.eval()(images()).detach()
    for rank in range(len(SHARES)):
        got = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(got["loss"], loss, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(got["gradients"], gradients, rtol=1e-3, atol=1e-3)
        assert got["state"].keys() == state.keys()
        torch.testing.assert_close(got["state"], state, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(got["eval"], wanted, rtol=1e-4, atol=1e-4)


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(sync_bn, "world_size", lambda: 2)


def test_parameters_buffers_and_modes_are_the_same_objects(two):
    net = small_net()
    bn = net[1].eval()
    before = dict(net.state_dict(keep_vars=True))
    with synchronized_bn([net], torch.device("cpu")):
        assert type(net[1]) is AllReducedBatchNorm
        assert [net[1].training, net[4].training] == [False, True]
        during = dict(net.state_dict(keep_vars=True))
        assert during.keys() == before.keys()
        assert all(during[name] is value for name, value in before.items())
        assert torch.equal(net[1](torch.ones(1, 4, 2, 2)), bn(torch.ones(1, 4, 2, 2)))  # eval mode: nobody is asked
        net.train()
    assert net[1] is bn
    assert bn.training


def test_on_gpus_it_is_the_one_of_pytorch(two):
    net = small_net()
    before = dict(net.state_dict(keep_vars=True))
    with synchronized_bn([net], torch.device("cuda")):
        assert type(net[1]) is nn.SyncBatchNorm
        assert all(net.state_dict(keep_vars=True)[name] is value for name, value in before.items())
    assert type(net[1]) is nn.BatchNorm2d


def test_one_process_alone_is_left_as_it_is():
    net = small_net()
    with synchronized_bn([net], torch.device("cpu")):
        assert type(net[1]) is nn.BatchNorm2d


def test_rare_layers_are_left_as_they_are(two):
    net = nn.Sequential(nn.BatchNorm2d(2, affine=False), nn.BatchNorm2d(2, momentum=None), nn.BatchNorm1d(2))
    layers = list(net)
    with synchronized_bn([net], torch.device("cpu")):
        assert list(net) == layers
