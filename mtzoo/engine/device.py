"""Which device trains, in which precision."""

import torch

from mtzoo.errors import UserError


def select_device(ctx: str, local_rank: int = 0) -> torch.device:
    """"cpu", GPU indices as "0,1", or "auto": all GPUs, if there are any. Of several a process takes the one of its local rank, which
    counts the processes of this machine."""
    if ctx == "cpu" or ctx == "auto" and not torch.cuda.is_available():
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
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"--ctx {ctx}: 'cpu', 'auto' or GPU indices such as 0,1 are wanted")
    return [int(part) for part in parts]


def bf16_is_faster(device: torch.device) -> bool:
    """Whether bf16 matrix units make training faster than fp32: AMX or AVX512-BF16 on a CPU, any GPU of CUDA 8.0 on."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "amx_tile", "avx512_bf16"))


def use_bf16(amp: str, device: torch.device) -> bool:
    """env.amp -> a decision for this device."""
    return amp == "bf16" or amp == "auto" and bf16_is_faster(device)
