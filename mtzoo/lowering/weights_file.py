"""State dicts in files from elsewhere: read as plain tensors, never as code."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mtzoo.errors import UserError

MAX_BYTES = 2 << 30
"""Of a file: room for 500 million parameters."""
INSIDE = ("state_dict", "model", "model_state_dict", "net")
"""Keys under which training scripts keep the state dict."""
PREFIXES = ("module.", "_orig_mod.")
"""Of names, left by wrappers."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of what torch.save wrote.

    Raises UserError naming the file if it is not there, too large, or holds anything but tensors and plain values.
    """
    if not path.is_file():
        raise UserError(f"weights='{path}': no such file; give the path of a state dict, or 'imagenet'")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"weights='{path}': {path.stat().st_size:,} bytes; {MAX_BYTES:,} at most are read")
    try:
        found = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        raise UserError(f"weights='{path}': no state dict that can be read safely, as tensors only ({type(error).__name__}); use a "
                        ".safetensors file, or what torch.save(model.state_dict()) writes") from error
    return _tensors(found, path)


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    for key in INSIDE:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)} if isinstance(found, Mapping) else {}
    if not tensors and isinstance(found, Mapping) and "written_by" in found:
        raise UserError(f"weights='{path}': a checkpoint of a run here, no state dict; start from it with --checkpoint")
    if not tensors:
        raise UserError(f"weights='{path}': no state dict: expected a table of names and tensors")
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
