"""Which channels can only go together: the units of structured pruning (DepGraph's idea, arXiv 2301.12900, on our programs).

A channel is an output of one convolution. A skip ties an output to the one it is added to, an identity branch to the input that it
passes on; a group convolution ties the inputs of one group to each other and to that group's outputs, so that groups go whole;
concatenation and upsampling only pass on. What hangs together is one unit, however many nodes and tasks it runs through. Channels that
meet the image, or that an output of the network is made of, stay.

A second kind of unit lies inside of group convolutions: one output of every group, the same number in each, which only the 1x1
convolution behind it notices. A third kind is the inside of a residual block: with it goes the block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mtzoo.compression.blocks import residual_blocks
from mtzoo.compression.union_find import UnionFind
from mtzoo.graph import Call, Program
from mtzoo.graph.channels import result_channels, tied_channels
from mtzoo.settings.pruning import ALIGN

Channel = tuple[str, int]
"""A convolution and the index of one of its outputs."""
Scores = Mapping[str, np.ndarray]
"""Convolution -> (C_out,) how much each of its outputs matters."""
ChannelUnit = Mapping[str, tuple[int, ...]]
"""Convolution -> the outputs that go together."""
Kind = Literal["channels", "slices", "block"]
PROTECTED: Channel = ("", 0)
"""Stands for the image and the network's outputs."""


@dataclass(frozen=True)
class ChannelGroup:
    """Units that are alike, of which some may go.

    name: of the first convolution, or of the block's module; units: the least important first; counts: how many units may stay,
    falling, the first all of them; kind: a unit is what hangs together, one output of every group, or all that is inside of a
    residual block; gates: of a block, the outputs that matter as much as it does, those that are added to its input.
    """

    name: str
    units: tuple[ChannelUnit, ...]
    counts: tuple[int, ...]
    kind: Kind = "channels"
    gates: ChannelUnit | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The convolutions whose outputs it holds."""
        return tuple(dict.fromkeys(layer for unit in self.units for layer in unit))

    def count_at(self, ratio: float) -> int:
        """How many units stay when at most the share `ratio` of them goes."""
        return min(count for count in self.counts if count >= len(self.units) * (1 - ratio) - 1e-9)

    def removed(self, count: int) -> tuple[ChannelUnit, ...]:
        """The units that go when `count` of them stay."""
        return self.units[:len(self.units) - count]


def channel_groups(program: Program, scores: Scores, align: int = ALIGN, *, blocks: bool = True) -> list[ChannelGroup]:
    """Every group of which something may go, in execution order.

    scores: rank the units; align: group convolutions keep multiples of `align` outputs in each group, and all others multiples of
    2 * align channels; blocks: whether residual blocks may go.
    """
    found = [*_whole_groups(program, scores, 2 * align), *_slice_groups(program, scores, align)]
    if blocks:
        found += _block_groups(program)
    order = {call.name: i for i, call in enumerate(program.calls)}
    return sorted((group for group in found if len(group.counts) > 1), key=lambda group: order[group.layers[0]])


def _block_groups(program: Program) -> list[ChannelGroup]:
    outputs = {call.name: tuple(range(call.module.conv.out_channels)) for call in program.convs}
    return [ChannelGroup(block.name, ({name: outputs[name] for name in block.convs},), (1, 0), "block",
                         {name: outputs[name] for name in block.adds}) for block in residual_blocks(program)]


def _whole_groups(program: Program, scores: Scores, multiple: int) -> list[ChannelGroup]:
    by_layers: dict[tuple[str, ...], list[ChannelUnit]] = {}
    for unit in _units(program):
        by_layers.setdefault(tuple(unit), []).append(unit)
    groups = []
    for layers, units in by_layers.items():
        units.sort(key=lambda unit: _score(unit, scores))
        width = min(len(channels) for unit in units for channels in unit.values())
        groups.append(ChannelGroup(layers[0], tuple(units), _counts(len(units), width, multiple)))
    return groups


def _units(program: Program) -> list[ChannelUnit]:
    """What hangs together, without what is protected; convolutions and channels in order."""
    ties, results = UnionFind[Channel](), result_channels(program, own_channels, PROTECTED)
    for channel, other in tied_channels(program, results, PROTECTED):
        ties.join(channel, other)
    for call in program.convs:
        conv, outputs, inputs = call.module.conv, results[call.name], results[call.inputs[0]]
        for channel in outputs:
            ties.add(channel)
        if call.skip is not None:
            for channel, other in zip(outputs, results[call.skip], strict=True):
                ties.join(channel, other)
        if call.module.passes_input:
            for channel, other in zip(outputs, inputs, strict=True):
                ties.join(channel, other)
        if conv.groups > 1:
            members = zip(np.array_split(np.arange(len(inputs)), conv.groups), np.array_split(np.arange(len(outputs)), conv.groups))
            for ins, outs in members:
                first, *others = [*(inputs[i] for i in ins), *(outputs[i] for i in outs)]
                for other in others:
                    ties.join(first, other)
    units = []
    for members in ties.sets():
        if PROTECTED not in members:
            unit: dict[str, list[int]] = {}
            for layer, index in members:
                unit.setdefault(layer, []).append(index)
            units.append({layer: tuple(indices) for layer, indices in unit.items()})
    return units


def own_channels(call: Call) -> list[Channel]:
    """The outputs of a convolution."""
    return [(call.name, i) for i in range(call.module.conv.out_channels)]


def _slice_groups(program: Program, scores: Scores, align: int) -> list[ChannelGroup]:
    """The channel groups of every group convolution whose outputs only dense convolutions read."""
    results = result_channels(program, own_channels, PROTECTED)
    bound = {layer for pair in tied_channels(program, results, PROTECTED) for layer, _ in pair}
    for call in program.convs:
        bound |= {layer for layer, _ in results[call.skip]} | {call.name} if call.skip else set()
        whole = call.module.conv.groups > 1 or call.module.passes_input
        bound |= {layer for layer, _ in results[call.inputs[0]]} if whole else set()
    groups = []
    for call in program.convs:
        conv = call.module.conv
        if conv.groups > 1 and call.name not in bound:
            per_group = conv.out_channels // conv.groups
            ranked = np.argsort(scores[call.name].reshape(conv.groups, per_group), axis=1, kind="stable")
            channels = ranked + np.arange(conv.groups)[:, None] * per_group
            units = tuple({call.name: tuple(sorted(channels[:, j].tolist()))} for j in range(per_group))
            groups.append(ChannelGroup(call.name, units, _counts(per_group, 1, align), "slices"))
    return groups


def _counts(units: int, width: int, multiple: int) -> tuple[int, ...]:
    """How many of `units`, each `width` channels, may stay; never none."""
    return (units, *(count for count in range(units - 1, 0, -1) if count * width % multiple == 0))


def _score(unit: ChannelUnit, scores: Scores) -> float:
    return float(sum(scores[layer][list(channels)].sum() for layer, channels in unit.items()))


def removed_channels(choice: Mapping[str, int], groups: Sequence[ChannelGroup]) -> dict[str, set[int]]:
    """Convolution -> outputs that go. choice: group -> how many of its units stay; groups that are not named keep all."""
    removed: dict[str, set[int]] = {}
    for group in groups:
        for unit in group.removed(choice.get(group.name, len(group.units))):
            for layer, channels in unit.items():
                removed.setdefault(layer, set()).update(channels)
    return removed
