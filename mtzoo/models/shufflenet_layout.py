"""Megvii's ShuffleNetV2 (arXiv 1807.11164) in the layout of FastestDet's trunk: other names than torchvision's, another way to shuffle.

Megvii's block takes every second channel of its input, from the second on, through its main branch, and puts the others in front of
the result. torchvision's takes the second half and shuffles the result. Every channel passes by as many blocks in one as in the other,
so the two are one network up to the order of each convolution's channels, where both split the channels of a stage in halves: at
width 0.5. At other widths the first block of stage 2 is another: 24 channels beside 92, not 58 beside 58.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.lowering.preprocessing import Preprocessing

READS = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), is_rgb=False)
"""What these networks were trained on: BGR / 255."""
REPEATS = {2: 4, 3: 8, 4: 4}
"""Stage -> blocks."""
STAGE_END = max(REPEATS.values())
"""Stands for the block that reads a channel which no block of its stage reads."""
NAMES = ((r"^first_conv\.", "conv1."), (r"\.branch_main\.", ".branch2."), (r"\.branch_proj\.", ".branch1."))
Label = tuple[int, int]
"""(block, channel that it makes); the first block's projection counts as block -1."""


@dataclass(frozen=True)
class Routing:
    """consumed: block from the second on -> what its main branch reads, in order; left: the stage's result."""

    consumed: dict[int, list[Label]]
    left: list[Label]


def is_megvii(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict is one of Megvii's ShuffleNetV2."""
    return "first_conv.0.weight" in state and "stage2.0.branch_proj.0.weight" in state


def as_torchvision(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A Megvii state dict under torchvision's names, channels in torchvision's order.

    source: the file, for messages. Raises UserError if a stage is missing, or not split in halves.
    """
    named = {_renamed(name): value for name, value in state.items()}
    order: Sequence[int] | None = None  # of the channels that a stage reads; None: as they are
    for stage, repeats in REPEATS.items():
        half = _half(named, stage, source)
        megvii, torchvision = _megvii(half, repeats), _torchvision(half, repeats)
        rows = {block: _matched(block, half, megvii, torchvision) for block in range(-1, repeats)}
        if order is not None:
            for tensor in ("branch1.0.weight", *(f"branch1.1.{name}" for name in BN)):
                _reorder(named, f"stage{stage}.0.{tensor}", order, 0)
            _reorder(named, f"stage{stage}.0.branch1.2.weight", order, 1)
            _reorder(named, f"stage{stage}.0.branch2.0.weight", order, 1)
        for block, row in rows.items():
            conv, bn = ("branch1.2", "branch1.3") if block < 0 else ("branch2.5", "branch2.6")
            for tensor in (f"{conv}.weight", *(f"{bn}.{name}" for name in BN)):
                _reorder(named, f"stage{stage}.{max(block, 0)}.{tensor}", row, 0)
        for block in range(1, repeats):
            columns = _columns(torchvision.consumed[block], megvii.consumed[block], rows)
            _reorder(named, f"stage{stage}.{block}.branch2.0.weight", columns, 1)
        order = _columns(torchvision.left, megvii.left, rows)
    return named


BN = ("weight", "bias", "running_mean", "running_var")


def _renamed(name: str) -> str:
    for pattern, by in NAMES:
        name = re.sub(pattern, by, name)
    return name


def _half(state: Mapping[str, Tensor], stage: int, source: str) -> int:
    """How many channels each half of a stage's blocks has."""
    projection, main = (state.get(f"stage{stage}.0.{name}.weight") for name in ("branch1.2", "branch2.5"))
    if projection is None or main is None:
        raise UserError(f"weights='{source}': no stage {stage} of ShuffleNetV2; use the state dict of the whole trunk")
    if len(projection) != len(main):
        raise UserError(f"weights='{source}': Megvii's ShuffleNetV2 with {len(projection)} channels beside {len(main)} in stage "
                        f"{stage}, where torchvision's has two halves: only those of width 0.5 are the same network")
    return len(main)


def _made(block: int, half: int) -> list[Label]:
    return [(block, channel) for channel in range(half)]


def _megvii(half: int, repeats: int) -> Routing:
    channels, consumed = [*_made(-1, half), *_made(0, half)], {}
    for block in range(1, repeats):
        consumed[block] = channels[1::2]
        channels = [*channels[::2], *_made(block, half)]
    return Routing(consumed, channels)


def _torchvision(half: int, repeats: int) -> Routing:
    def shuffled(first: list[Label], second: list[Label]) -> list[Label]:
        return [label for pair in zip(first, second, strict=True) for label in pair]

    channels, consumed = shuffled(_made(-1, half), _made(0, half)), {}
    for block in range(1, repeats):
        consumed[block] = channels[half:]
        channels = shuffled(channels[:half], _made(block, half))
    return Routing(consumed, channels)


def _matched(block: int, half: int, megvii: Routing, torchvision: Routing) -> list[int]:
    """torchvision's channel of a block's convolution -> Megvii's, which is read by the same block."""
    def by_reader(routing: Routing) -> list[int]:
        readers = {label: reader for reader, labels in routing.consumed.items() for label in labels}
        return sorted(range(half), key=lambda channel: readers.get((block, channel), STAGE_END))

    rows = dict(zip(by_reader(torchvision), by_reader(megvii), strict=True))
    return [rows[channel] for channel in range(half)]


def _columns(wanted: Sequence[Label], given: Sequence[Label], rows: Mapping[int, Sequence[int]]) -> list[int]:
    """Where each channel that torchvision's network reads stands among those that Megvii's reads."""
    places = {label: place for place, label in enumerate(given)}
    return [places[block, rows[block][channel]] for block, channel in wanted]


def _reorder(state: dict[str, Tensor], name: str, order: Sequence[int], dim: int) -> None:
    if name in state and state[name].shape[dim] == len(order):  # what does not fit is told when the network takes its values
        state[name] = state[name].index_select(dim, torch.tensor(order))
