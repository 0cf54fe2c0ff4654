"""Several processes, one network: torchrun starts them, gradients are averaged, rank 0 writes and speaks."""

import os
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def is_main() -> bool:
    """Whether this process writes files and prints."""
    return rank() == 0


def join(device: torch.device) -> None:
    """Join the other processes, if torchrun started several: nccl between GPUs, gloo between CPUs."""
    if world_size() > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def wrap(net: nn.Module, device: torch.device) -> nn.Module:
    """The network whose backward averages gradients over all processes; BN statistics and scales are rank 0's."""
    if world_size() == 1:
        return net
    return DistributedDataParallel(net, device_ids=[device.index] if device.type == "cuda" else None)


def on_main(work: Callable[[], T]) -> T | None:
    """Do `work` in rank 0 while the others wait; they get None."""
    result = work() if is_main() else None
    if dist.is_initialized():
        dist.barrier()
    return result
