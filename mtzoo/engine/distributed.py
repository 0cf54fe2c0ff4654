"""Several processes, one network: torchrun starts them, gradients are averaged, rank 0 writes and speaks."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mtzoo.console import PlainConsole
from mtzoo.errors import UserError
from mtzoo.signals import Interrupted, fatal

T = TypeVar("T")
PATIENCE = timedelta(hours=6)  # the others wait while rank 0 evaluates, exports and verifies


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def local_rank() -> int:
    """Which of this machine's processes it is."""
    return int(os.environ.get("LOCAL_RANK", rank()))


def world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", 1))


def was_restarted() -> bool:
    """Whether torchrun (--max-restarts) has started this process in place of one that failed: it goes on from the last checkpoint."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def is_main() -> bool:
    """Whether this process writes files and prints."""
    return rank() == 0


def join(device: torch.device) -> None:
    """Join the other processes, if torchrun started several: nccl between GPUs, gloo between CPUs, also for what `largest` asks: no
    GPU has to be waited for."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if world_size() > 1 and not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def wrap(net: nn.Module, device: torch.device) -> nn.Module:
    """The network whose backward averages gradients over all processes; BN statistics and scales are rank 0's."""
    if world_size() == 1:
        return net
    return DistributedDataParallel(net, device_ids=[device.index] if device.type == "cuda" else None)


def without_exchange(net: nn.Module) -> AbstractContextManager[None]:
    """In the block gradients of a `wrap`ped network stay this process's own; the next backward outside averages all of them."""
    return net.no_sync() if isinstance(net, DistributedDataParallel) else nullcontext()


def unwrapped(net: nn.Module) -> nn.Module:
    """The network that `wrap` was given."""
    return net.module if isinstance(net, DistributedDataParallel) else net


def average_gradients(module: nn.Module) -> None:
    """Average the gradients of a module outside of `wrap`: the learnt weights of a loss balance, which every process has."""
    if world_size() == 1:
        return
    for parameter in module.parameters():
        grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        dist.all_reduce(grad)
        parameter.grad = grad / world_size()


def largest(number: int) -> int:
    """The largest of the numbers that all processes give."""
    if world_size() == 1:
        return number
    value = torch.tensor(number)
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return int(value)


def on_main(work: Callable[[], T]) -> T | None:
    """Do `work` in rank 0 while the others wait; they get None, and end with its exit status when it fails: it tells why."""
    if not dist.is_initialized():
        return work() if is_main() else None
    if not is_main():
        with fatal():  # the wait is in a library that would not hear of a signal
            status = largest(0)
        if status:
            sys.exit(status)
        return None
    try:
        result = work()
    except BaseException as error:
        with suppress(RuntimeError):  # they may be gone already
            largest(exit_status(error))
        raise
    largest(0)
    return result


def exit_status(error: BaseException) -> int:
    """What the command ends with: 2 for what the user can mend, 130 or 143 for a signal, 1 for a bug."""
    if isinstance(error, Interrupted):
        return error.status
    return 2 if isinstance(error, UserError) else 1


def run_console() -> PlainConsole:
    """Where a run speaks: nowhere in the processes that torchrun adds; a log file has no width to break lines at."""
    return PlainConsole(quiet=not is_main())
