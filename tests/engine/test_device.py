import pytest
import torch

from mtzoo.engine.device import parse_indices, processes_of, select_device, single_device, use_bf16
from mtzoo.errors import UserError

CPU = torch.device("cpu")


def test_cpu_and_auto_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_device("cpu") == CPU
    assert select_device("auto") == CPU
    with pytest.raises(UserError, match="--ctx 0,1: this machine has no CUDA device; use --ctx cpu"):
        select_device("0,1")


def test_each_process_takes_the_gpu_of_its_rank(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert select_device("auto") == torch.device("cuda", 0)
    assert [select_device("1,3", rank).index for rank in (0, 1)] == [1, 3]
    with pytest.raises(UserError, match="GPU 7 does not exist; this machine has 4"):
        select_device("7")


@pytest.mark.parametrize("ctx", ["", "gpu", "0,", "0;1", "-1", "0,-2", "cpu:", "cpu:0", "cpu:x", "99999"])
def test_a_ctx_that_means_nothing_is_told(ctx):
    with pytest.raises(UserError, match="'cpu', 'cpu:2', 'auto' or GPU indices"):
        parse_indices(ctx)


@pytest.mark.parametrize(("ctx", "count"), [("cpu", 1), ("cpu:1", 1), ("cpu:3", 3), ("auto", 1), ("2", 1), ("0,2,5", 3)])
def test_how_many_processes_a_ctx_asks_for(ctx, count):
    assert processes_of(ctx) == count


def test_more_processes_than_a_machine_runs_and_a_gpu_for_two_are_told():
    with pytest.raises(UserError, match="--ctx cpu:N, N=9999: this machine has"):
        processes_of("cpu:9999")
    with pytest.raises(UserError, match="--ctx 0,0: a GPU is named twice"):
        processes_of("0,0")


@pytest.mark.parametrize(("ctx", "example"), [("0,1", "--ctx 0"), ("cpu:2", "--ctx cpu")])
def test_a_command_of_one_process_takes_one_device(ctx, example):
    assert single_device("cpu") == single_device("cpu:1") == CPU
    with pytest.raises(UserError, match=f"--ctx {ctx}: names several devices, .* e.g. {example}$"):
        single_device(ctx)


def test_amp_follows_the_config():
    assert use_bf16("bf16", CPU)
    assert not use_bf16("off", CPU)
