"""Checkpoints: tensors and plain values only, written whole or not at all, loaded without executing anything."""

import io
import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from mtzoo import __version__
from mtzoo.engine.checkpoint_archive import ADVICE, check_archive
from mtzoo.engine.checkpoint_values import check_config, check_history, check_network_state, check_training, wild_tensor
from mtzoo.engine.weights_file import read_weights
from mtzoo.errors import UserError, cut, shown
from mtzoo.files import write_whole
from mtzoo.locate import WEIGHTS_SUFFIX, find_checkpoint
from mtzoo.plain_data import build

SUFFIX = ".pt"
FAMILY = "mtzoo-checkpoint-"
FORMAT = f"{FAMILY}1"
RESUME_ADVICE = "continue with --resume; the previous checkpoint is whole"
LAST_STEP = 3
MAX_ITERATION = 10**12


@dataclass(frozen=True)
class Progress:
    """How far a run is. step: 0..3; quantized: fake-quant is in; iteration: done in this phase; done: the phase ended."""

    step: int
    quantized: bool
    iteration: int
    done: bool

    def __post_init__(self) -> None:
        if not 0 <= self.step <= LAST_STEP:
            raise UserError(f"step={shown(self.step)}: expected one of 0..{LAST_STEP}")
        if not 0 <= self.iteration <= MAX_ITERATION:
            raise UserError(f"iteration={shown(self.iteration)}: expected 0..{MAX_ITERATION}")

    @property
    def order(self) -> tuple[int, bool, int, bool]:
        return self.step, self.quantized, self.iteration, self.done


@dataclass
class Checkpoint:
    """config: the resolved config as plain data; network: state dict; training: loss balance, RNG and, inside a
    phase, optimizer and schedule (empty where only weights matter); history: what the report will show of the run so far."""

    config: dict[str, Any]
    progress: Progress
    network: dict[str, torch.Tensor]
    training: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def save_checkpoint(path: Path, checkpoint: Checkpoint, advice: str = RESUME_ADVICE) -> None:
    """Write a checkpoint: `path` is the old file or the new one, never a part.

    Raises UserError with `advice` when the disk is full or not writable, and for a network that has diverged: what was there
    before stays whole.
    """
    if name := wild_tensor(checkpoint.network):
        raise UserError(f"{path}: not written, the training has diverged: '{name}' holds values that are not finite or beyond all "
                        "bounds; lower the learning rate or check the data")
    values = {"format": FORMAT, "written_by": __version__, "config": checkpoint.config, "progress": asdict(checkpoint.progress),
              "network": checkpoint.network, "training": checkpoint.training, "history": checkpoint.history}
    buffer = io.BytesIO()
    torch.save(values, buffer)
    write_whole(path, buffer.getvalue(), advice)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint or float weights: a file, or `zoo:NAME`. Nothing in it is executed, or taken for what it should be.

    Raises UserError naming the key if it is missing, truncated, not one of ours, of another version, or has diverged.
    """
    path = find_checkpoint(path)
    is_weights = path.suffix == WEIGHTS_SUFFIX
    values = read_weights(path) if is_weights else _read(path)
    try:
        if not is_weights:
            _check_format(values)
        return _checked(values, path.stat().st_size * (1 + is_weights))  # weights may be halves there
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read(path: Path) -> object:
    """What torch.save wrote, as tensors and plain values."""
    if path.is_dir():
        newest = max((file for file in path.glob(f"*{SUFFIX}") if file.is_file()), key=os.path.getmtime, default=None)
        raise UserError(f"{path}: is a folder; name a checkpoint in it{f', e.g. the newest: {newest}' if newest else ''}")
    check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's remarks on formats: what follows says it in one line
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: truncated, or it holds more than tensors and plain values; {ADVICE}") from error
    except Exception as error:  # a damaged file can fail anywhere in the reader
        raise UserError(f"{path}: truncated or not a checkpoint ({_one_line(error)}); {ADVICE}") from error


def _check_format(values: object) -> None:
    """Raises UserError unless they are a checkpoint of this version."""
    if not isinstance(values, Mapping) or not isinstance(values.get("format"), str) or not values["format"].startswith(FAMILY):
        raise UserError("not a checkpoint of mtzoo; use a .pt file that train or quant-train wrote")
    if values["format"] != FORMAT:
        writer = shown(values.get("written_by", "of another version"))
        raise UserError(f"a checkpoint of format {cut(values['format'])}, written by mtzoo {writer}; this is mtzoo {__version__}, "
                        f"which reads {FORMAT}; use the version that wrote it, or train anew")


def _checked(values: Mapping[str, Any], size: int) -> Checkpoint:
    """The checkpoint that a file's values make. size: bytes that its tensors may take. Raises UserError naming the key."""
    for key in ("config", "progress", "network", "training", "history"):
        if key not in values:
            raise UserError(f"a checkpoint without '{key}'; {ADVICE}")
    progress = build(Progress, values["progress"], "progress")
    check_config(values["config"])
    check_network_state(values["network"], size)
    check_training(values["training"])
    check_history(values["history"])
    return Checkpoint(values["config"], progress, values["network"], values["training"], values["history"])


def load_network_state(net: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights of the same network. Raises UserError naming the first difference."""
    own = net.state_dict()
    for name, value in own.items():
        if name not in state:
            raise UserError(f"{path}: checkpoint of another network: it lacks '{name}'; {_instead(name, state)}")
        if state[name].shape != value.shape:
            raise UserError(f"{path}: checkpoint of another network: '{name}' is {tuple(state[name].shape)}, the config makes "
                            f"it {tuple(value.shape)}")
        _check_dtype(name, state[name], value, path)
    extra = next((name for name in state if name not in own), None)
    if extra is not None:
        raise UserError(f"{path}: checkpoint of another network: the config has no '{cut(extra)}'")
    net.load_state_dict(state)


def _instead(missing: str, state: dict[str, torch.Tensor]) -> str:
    """What to do about a checkpoint that lacks a value: one that rounds elsewhere may be of the same network."""
    rounds = any(".weight_quant." in name for name in state)
    if rounds and (".conv_quant." in missing or ".act_quant." in missing):
        return ("if an earlier version wrote it, add --cfg-options quantization.head_output=accumulator "
                "quantization.skip_sum=accumulator")
    return "use this config's checkpoint"


def load_matching(net: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> tuple[list[str], list[str]]:
    """Load what fits by name and shape, for a start from a float network with other tasks or classes: (loaded, left) names.

    Raises UserError if BN is folded there, or if most weights of the same name have another shape or no name fits: then it is
    another network, and the few layers that fit by chance would be no start.
    """
    own = net.state_dict()
    folded = next((k for k in state if k not in own and k.replace("conv.bias", "bn.bias") in own), None)
    if folded is not None:
        raise UserError(f"{path}: the BN of '{folded.removesuffix('.conv.bias')}' is folded there; start from a float checkpoint, "
                        "e.g. one named -float-last")
    weights = [k for k in state if k in own and k.endswith("conv.weight")]
    misfits = [k for k in weights if own[k].shape != state[k].shape]
    if 2 * len(misfits) >= len(weights):
        detail = f"'{misfits[0]}' is {tuple(state[misfits[0]].shape)}, the config makes it {tuple(own[misfits[0]].shape)}" \
            if misfits else "none of its weights fits this config"
        raise UserError(f"{path}: checkpoint of another network: {detail}")
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    for name, value in fitting.items():
        _check_dtype(name, value, own[name], path)
    net.load_state_dict({**own, **fitting})
    return sorted(fitting), sorted(set(own) - set(fitting))


def _check_dtype(name: str, value: torch.Tensor, own: torch.Tensor, path: Path) -> None:
    """torch would convert it, and integers would pass as weights."""
    if value.dtype != own.dtype:
        raise UserError(f"{path}: '{cut(name)}' has type {value.dtype}, the network's is {own.dtype}; use another checkpoint")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
