"""Several processes, one network: torchrun starts them, gradients are averaged, images of an evaluation are shared, rank 0 writes and
prints."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mtzoo.console import PlainConsole
from mtzoo.engine.device import select_device, single_device
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


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """This process works with the others inside the block, see `join`."""
    join(device)
    try:
        yield
    finally:
        leave()


def process_device(ctx: str) -> torch.device:
    """The device of this process, see `select_device`. Raises UserError for several devices in a single process."""
    return select_device(ctx, local_rank()) if world_size() > 1 else single_device(ctx)


def wrap(net: nn.Module, device: torch.device) -> nn.Module:
    """The network whose backward averages gradients over all processes; BN statistics and scales are rank 0's."""
    if world_size() == 1:
        return net
    return DistributedDataParallel(net, device_ids=[device.index] if device.type == "cuda" else None)


def without_exchange(net: nn.Module) -> AbstractContextManager[None]:
    """Gradients of a `wrap`ped network stay this process's own inside the block; the next backward after it averages all of them."""
    return net.no_sync() if isinstance(net, DistributedDataParallel) else nullcontext()


def unwrapped(net: nn.Module) -> nn.Module:
    """The network that `wrap` was given."""
    return net.module if isinstance(net, DistributedDataParallel) else net


def share_of_batch(batch_size: int, processes: int) -> int:
    """Images that each of the present processes takes of the batch that `processes` of them took `batch_size` each of.

    Raises UserError where they cannot take equally many.
    """
    images, share = batch_size * processes, batch_size * processes // world_size()
    if share * world_size() != images:
        fitting = ", ".join(str(count) for count in range(1, images + 1) if images % count == 0)
        raise UserError(f"{world_size()} processes cannot share the batches of {images} images that the run to resume has; "
                        f"start one of {fitting}")
    return share


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


def gather(value: T) -> list[T]:
    """The values of all processes in order of rank, in rank 0; an empty list in the others."""
    if world_size() == 1:
        return [value]
    values: list[T | None] | None = [None] * world_size() if is_main() else None
    with fatal():
        dist.gather_object(value, values)
    return values or []


def from_main(value: T | None) -> T:
    """What rank 0 gives, in all processes."""
    if world_size() == 1:
        return value
    values = [value]
    with fatal():
        dist.broadcast_object_list(values)
    return values[0]


@torch.no_grad()
def copy_from_main(net: nn.Module) -> None:
    """Give the network the weights, BN statistics and scales of rank 0."""
    if world_size() > 1:
        for tensor in (*net.parameters(), *net.buffers()):
            dist.broadcast(tensor, 0)


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
    """The console of a run. The processes that torchrun adds print nothing; lines are not broken, so that log files stay whole."""
    return PlainConsole(quiet=not is_main())
