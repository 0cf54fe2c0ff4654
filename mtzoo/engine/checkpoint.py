"""Checkpoints: tensors and plain values only, written whole or not at all, loaded without executing anything."""

import io
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from mtzoo.errors import UserError
from mtzoo.files import write_whole

SUFFIX = ".pt"
FORMAT = "mtzoo-checkpoint-1"
RESUME_ADVICE = "go on with --resume; the previous checkpoint is whole"


@dataclass(frozen=True)
class Progress:
    """Where a run stands. step: 0..3; quantized: fake-quant is in; iteration: done in this phase; done: the phase ended."""

    step: int
    quantized: bool
    iteration: int
    done: bool

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

    Raises UserError with `advice` when the disk is full or not writable; what was there before stays whole.
    """
    values = {"format": FORMAT, "config": checkpoint.config, "progress": asdict(checkpoint.progress),
              "network": checkpoint.network, "training": checkpoint.training, "history": checkpoint.history}
    buffer = io.BytesIO()
    torch.save(values, buffer)
    write_whole(path, buffer.getvalue(), advice)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Nothing in the file is executed. Raises UserError if it is missing, truncated or not one of ours."""
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: truncated, or it holds more than tensors and plain values; remove it or use another one") from error
    except Exception as error:  # a damaged file can fail anywhere in the reader
        raise UserError(f"{path}: truncated or not a checkpoint ({_one_line(error)}); remove it or use another one") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise UserError(f"{path}: not a checkpoint of mtzoo; use a .pt file that train or quant-train wrote")
    try:
        return Checkpoint(values["config"], Progress(**values["progress"]), values["network"], values["training"],
                          values["history"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: a checkpoint without {_one_line(error)}; use another one") from error


def load_network_state(net: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights of the same network. Raises UserError naming the first difference."""
    own = net.state_dict()
    for name, value in own.items():
        if name not in state:
            raise UserError(f"{path}: checkpoint of another network: it lacks '{name}'; use this config's checkpoint")
        if state[name].shape != value.shape:
            raise UserError(f"{path}: checkpoint of another network: '{name}' is {tuple(state[name].shape)}, the config makes "
                            f"it {tuple(value.shape)}")
    extra = next((name for name in state if name not in own), None)
    if extra is not None:
        raise UserError(f"{path}: checkpoint of another network: the config has no '{extra}'")
    net.load_state_dict(state)


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
    net.load_state_dict({**own, **fitting})
    return sorted(fitting), sorted(set(own) - set(fitting))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
