import pytest
import torch

from mtzoo.engine.device import parse_indices, select_device, use_bf16
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


@pytest.mark.parametrize("ctx", ["", "gpu", "0,", "0;1", "-1", "0,-2"])
def test_a_ctx_that_means_nothing_is_told(ctx):
    with pytest.raises(UserError, match="'cpu', 'auto' or GPU indices"):
        parse_indices(ctx)


def test_amp_follows_the_config():
    assert use_bf16("bf16", CPU)
    assert not use_bf16("off", CPU)
