"""Float weights for others to start from: a safetensors file with the network's config inside. Nothing in it can run."""

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from mtzoo import __version__
from mtzoo.config import config_from_dict
from mtzoo.config.portable import portable
from mtzoo.engine.checkpoint_archive import MAX_BYTES
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.strict_json import strict_json

FORMAT = "mtzoo-weights-1"
STEP = "::step"
"""Behind the name of a tensor that is stored in int8: of its steps, one for each output channel."""
Stored = Literal["float32", "float16", "int8"]
MAX_CONFIG_CHARACTERS = 4 << 20
ADVICE = "use the file as it was published"


def write_weights(path: Path, config: dict[str, Any], network: dict[str, torch.Tensor], *, stored: Stored = "float32") -> None:
    """Write the weights of a float network with its config, which loses every path of this machine.

    stored: "float16" takes half the space; "int8" a quarter: convolutions' weights are rounded to 255 steps of each output channel,
    and what has one dimension stays as it is. All are float32 again when they are read.
    Raises UserError for weights that float16 cannot hold, and where `path` cannot be written.
    """
    tensors = {name: value.contiguous() for name, value in network.items()}
    if stored == "float16":
        tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        lost = next((name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()), None)
        if lost is not None:
            raise UserError(f"{path}: '{lost}' has values beyond float16's; leave --half out")
    elif stored == "int8":
        tensors = {key: part for name, value in tensors.items() for key, part in _in_steps(name, value).items()}
    metadata = {"format": FORMAT, "written_by": __version__, "config": strict_json(portable(config_from_dict(config)).resolved)}
    write_whole(path, save(tensors, metadata), "choose another place")


def _in_steps(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """A tensor as int8 and the steps of its first dimension; one without several dimensions as it is."""
    if not value.is_floating_point() or value.ndim < 2:
        return {name: value}
    step = (value.flatten(1).abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return {name: (value / _along(step, value)).round().to(torch.int8), name + STEP: step}


def _along(step: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(C,) -> (C, 1, ...), as many dimensions as the value has."""
    return step.view(-1, *[1] * (value.ndim - 1))


def read_weights(path: Path) -> dict[str, Any]:
    """What a checkpoint file of the float network would hold. Nothing is checked but that it is a file of `write_weights`.

    Raises UserError naming the file and what is wrong with it.
    """
    config = read_weights_config(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    steps = {name.removesuffix(STEP): tensors.pop(name) for name in list(tensors) if name.endswith(STEP)}
    network = {name: value.float() if value.dtype == torch.float16 else value for name, value in tensors.items()}
    for name, step in steps.items():
        if name not in network or network[name].dtype != torch.int8 or step.shape != network[name].shape[:1]:
            raise UserError(f"{path}: the steps of '{name}' do not belong to it; {ADVICE}")
        network[name] = network[name] * _along(step, network[name])
    return {"config": config, "network": network, "training": {}, "history": [],
            "progress": {"step": 0, "quantized": False, "iteration": 0, "done": True}}


def read_weights_config(path: Path) -> Any:
    """The config that the file holds, without its tensors. Raises UserError as `read_weights` does."""
    if not path.is_file():
        raise UserError(f"{path}: no such file of weights")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path}: {path.stat().st_size:,} bytes; {MAX_BYTES:,} at most are read")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path}: no weights of a network of mtzoo with their config; name them in the config, e.g. "
                        f"nodes.backbone.weights={path.name}")
    return _config(metadata.get("config", ""), path)


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: truncated or no safetensors file ({error}); {ADVICE}")


def _config(text: str, path: Path) -> object:
    if len(text) > MAX_CONFIG_CHARACTERS:
        raise UserError(f"{path}: a config of {len(text):,} characters; {MAX_CONFIG_CHARACTERS:,} at most are read")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: its config is damaged ({error}); {ADVICE}") from error
