"""Which device trains, in which precision."""

import re

import torch

from mtzoo.errors import UserError, cut
from mtzoo.machine import check_processes

CPUS = re.compile(r"cpu(?::([1-9][0-9]{0,3}))?")


def processes_of(ctx: str) -> int:
    """How many processes `ctx` asks for: one for each GPU that it names, N for "cpu:N", else one. Raises UserError."""
    if cpus := CPUS.fullmatch(ctx):
        count = int(cpus[1] or 1)
        check_processes("--ctx cpu:N, N", count)
        return count
    return 1 if ctx == "auto" else len(parse_indices(ctx))


def single_device(ctx: str) -> torch.device:
    """The device of a command that works in one process. Raises UserError for a `ctx` of several."""
    if processes_of(ctx) > 1:
        raise UserError(f"--ctx {ctx}: names several devices, and this command works on one; name one, e.g. --ctx "
                        f"{'cpu' if CPUS.fullmatch(ctx) else ctx.partition(',')[0]}")
    return select_device(ctx)


def select_device(ctx: str, local_rank: int = 0) -> torch.device:
    """"cpu", "cpu:2" for two processes on it, GPU indices as "0,1", or "auto": a GPU, if there is one. Of several a process takes the
    one of its local rank, which counts the processes of this machine."""
    if CPUS.fullmatch(ctx) or ctx == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    indices = range(torch.cuda.device_count()) if ctx == "auto" else parse_indices(ctx)
    if not torch.cuda.is_available():
        raise UserError(f"--ctx {ctx}: this machine has no CUDA device; use --ctx cpu")
    chosen = list(indices)[local_rank % len(indices)]
    if chosen >= torch.cuda.device_count():
        raise UserError(f"--ctx {ctx}: GPU {chosen} does not exist; this machine has {torch.cuda.device_count()}")
    return torch.device("cuda", chosen)


def parse_indices(ctx: str) -> list[int]:
    """"0,1" -> [0, 1]. Raises UserError."""
    parts = ctx.split(",")
    if not all(part.isdecimal() and len(part) < 5 for part in parts):
        raise UserError(f"--ctx {cut(ctx)}: expected 'cpu', 'cpu:2', 'auto' or GPU indices such as 0,1")
    indices = [int(part) for part in parts]
    if len({*indices}) < len(indices):
        raise UserError(f"--ctx {cut(ctx)}: a GPU is named twice; each takes one process")
    return indices


def bf16_is_faster(device: torch.device) -> bool:
    """Whether bf16 matrix units make training faster than fp32: AMX or AVX512-BF16 on a CPU, any GPU of CUDA 8.0 on."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "amx_tile", "avx512_bf16"))


def use_bf16(amp: str, device: torch.device) -> bool:
    """env.amp -> a decision for this device."""
    return amp == "bf16" or amp == "auto" and bf16_is_faster(device)
