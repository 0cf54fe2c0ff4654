"""The values of a checkpoint, one by one: a file that somebody sent may hold anything where a tensor is wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mtzoo.config.plain import check_extent, plain
from mtzoo.errors import UserError, cut, shown
from mtzoo.plain_data import convert

DTYPES = {torch.float32, torch.int8, torch.int32, torch.int64, torch.bool}
"""What networks and their integers are saved in."""
LARGEST = 1e15
"""Largest weight that is taken as meant. The product of two such layers is still a finite float32."""
TABLES = ("nodes", "sources", "tasks", "channels")
TRAINING: dict[str, tuple[Any, str]] = {
    "criterion": (Mapping, "a dict"), "phase": (Mapping | None, "a dict or None"), "rng": (Tensor, "a tensor"),
    "bad_images": (Mapping, "a dict"), "teacher": (str | None, "a text or None"), "processes": (int, "a whole number"),
}
"""Key -> its type, and that in words."""
MOST_VALUES = 10_000_000
"""Most numbers in the curves of a run, however long."""
ADVICE = "use another one"


@dataclass
class StageRecord:
    """What the report shows of a stage: "with-bn-float", "with-bn", "fusion-bn-c1", ... validation: [(iteration, metrics)]."""

    name: str
    metrics: dict[str, float]
    curve: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    seconds: float = 0.0
    data_wait: float = 0.0
    validation: list[tuple[int, dict[str, float]]] = field(default_factory=list)


def check_config(config: object) -> None:
    """Raises UserError for what no config is, whatever its keys."""
    if not isinstance(config, Mapping):
        raise UserError(f"config={shown(config)}: expected a dict; {ADVICE}")
    plain(config, "config")
    for key in TABLES:
        if not isinstance(config.get(key, {}), Mapping):
            raise UserError(f"config.{key}={shown(config[key])}: expected a dict; {ADVICE}")


def check_network_state(state: object, size: int) -> None:
    """Raises UserError for anything but names and dense, finite tensors. size: bytes of the file that they come from."""
    if not isinstance(state, Mapping) or not state:
        raise UserError(f"network={shown(state)}: expected a dict of tensors by name; {ADVICE}")
    total = 0
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError(f"network: a name is not text but {shown(name)}; {ADVICE}")
        _check_tensor(name, value)
        total += value.numel() * value.element_size()
    if total > 4 * size:  # some modules share a tensor, and then it is there once
        raise UserError(f"network: tensors of {total:,} bytes in a file of {size:,}; {ADVICE}")
    if name := wild_tensor(state):
        raise UserError(f"'{cut(name)}' holds values that are not finite or beyond all bounds, its training diverged; "
                        "use another checkpoint")


def _check_tensor(name: str, value: object) -> None:
    where = f"network['{cut(name)}']"
    if not isinstance(value, Tensor):
        raise UserError(f"{where}={shown(value)}: expected a tensor; {ADVICE}")
    if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu" or value.is_nested:
        raise UserError(f"{where}: expected a dense tensor, not one of layout {value.layout} on {value.device}; {ADVICE}")
    if value.dtype not in DTYPES:
        raise UserError(f"{where}: has type {value.dtype}, which no network of mtzoo has; {ADVICE}")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # repeated without being there
        raise UserError(f"{where}: {tuple(value.shape)} values, fewer are in the file; {ADVICE}")


def wild_tensor(state: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with values that are not finite, or so large that training cannot have meant them."""
    for name, value in state.items():
        if value.is_floating_point() and value.numel() and not bool(value.detach().abs().max() < LARGEST):  # False for NaN, too
            return name
    return None


def check_training(training: object) -> None:
    """Raises UserError unless what training goes on with has the types that it is saved with."""
    if not isinstance(training, Mapping):
        raise UserError(f"training={shown(training)}: expected a dict; {ADVICE}")
    check_extent(training, "training", MOST_VALUES)
    for key, (types, name) in TRAINING.items():
        if key in training and not isinstance(training[key], types):
            raise UserError(f"training.{key}={shown(training[key])}: expected {name}; {ADVICE}")


def check_history(history: object) -> None:
    """Raises UserError for what cannot be the record of a run's stages, or is too large for one."""
    check_extent(history, "history", MOST_VALUES)
    convert(list[StageRecord], history, "history")


@contextmanager
def restoring(key: str) -> Iterator[None]:
    """While a part of a checkpoint is put back into its place. Raises UserError naming the key for all that does not fit there."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a wrong value can fail anywhere in torch
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{key} of the checkpoint does not fit this run ({why}); start from another checkpoint") from error
