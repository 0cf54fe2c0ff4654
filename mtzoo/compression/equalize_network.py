"""Equalization of whole networks: each channel of each map gets a range like those beside it, so that one scale suits the map.

A positive factor per channel passes through all that is linear or a ReLU: pools, resizing, concatenation, sums, skips, and so through
a PReLU with learnt slopes and through residual blocks. Channels that a sum brings together have one factor; every convolution takes
it out of what it reads and gives its own outputs theirs. This is cross-layer equalization (arXiv 1906.04721) for all convolutions, not
for neighbours alone. Factors are powers of two: in float nothing changes.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtzoo.compression.channel_ranges import channel_ranges
from mtzoo.compression.channels import PROTECTED, Channel, own_channels
from mtzoo.compression.equalize import LARGEST_EXPONENT, input_ranges
from mtzoo.compression.union_find import UnionFind
from mtzoo.errors import UserError
from mtzoo.graph import Program, read_program, sharing_groups
from mtzoo.graph.channels import result_channels
from mtzoo.layers import ConvBNAct
from mtzoo.quantization import is_prepared, layers_with_bn

NOTHING = 1e-12
SHARE = 0.75
"""How much of what a channel lacks of its map's range is made up. More than half: a feature map has one scale for all channels, while
weights have one for each output. On ESPNetv2, see docs/foreign.md, 0.8 lost less than 0.5, and 1 most."""


@torch.no_grad()
def equalize_network(net: nn.Module, batches: Sequence[Tensor]) -> int:
    """Equalize `net` (float, BN folded) in place by its activations on batches (N, 3, H, W) of normalised images; the number of outputs
    of convolutions that changed. The network's outputs stay the same.

    Raises UserError if BN is live or quantizers are in.
    """
    if layers_with_bn(net) or is_prepared(net):
        raise UserError("equalization needs a float network whose BN is folded; fold it first and prepare it afterwards")
    program = read_program(net)
    device = next(net.parameters()).device
    numbers, count = factor_sets(program)
    sets = {name: number.to(device) for name, number in numbers.items()}
    exponents = balancing_exponents(program, sets, count, map_ranges(net, batches))
    changed = 0
    for call in program.convs:
        conv, made, read = call.module.conv, torch.exp2(exponents[sets[call.name]]), torch.exp2(exponents[sets[call.inputs[0]]])
        conv.weight *= made.view(-1, 1, 1, 1)
        conv.bias *= made
        conv.weight.unflatten(0, (conv.groups, -1)).div_(read.view(conv.groups, 1, -1, 1, 1))
        changed += int((made != 1).sum())
    return changed


def factor_sets(program: Program) -> tuple[dict[str, Tensor], int]:
    """Result -> (C,) the number of the set that each of its channels belongs to, and how many sets there are. A set has one factor;
    that of set 0 is 1: the image, the outputs, and what is read by leaves that are not linear."""
    sets, found = UnionFind[Channel](), result_channels(program, own_channels, PROTECTED)
    sets.add(PROTECTED)
    for one, other in _pairs(program, found):
        sets.join(one, other)
    numbers = {sets.root(PROTECTED): 0}
    tensors = {name: torch.tensor([numbers.setdefault(sets.root(channel), len(numbers)) for channel in channels])
               for name, channels in found.items()}
    return tensors, len(numbers)


def _pairs(program: Program, found: Mapping[str, list[Channel]]) -> Iterable[tuple[Channel, Channel]]:
    """Channels that have one factor."""
    for call in program.calls:
        leaf, outputs = call.module, found[call.name]
        if not isinstance(leaf, ConvBNAct):
            yield from leaf.scale_ties([found.get(name, []) for name in call.inputs], PROTECTED)
            continue
        if call.skip is not None:
            yield from zip(outputs, found[call.skip], strict=True)
        if leaf.output == "accumulator" or leaf.ceiling is not None or leaf.fixed_exponent is not None:
            yield from ((channel, PROTECTED) for channel in outputs)
    for maps in program.outputs.values():
        yield from ((channel, PROTECTED) for name in maps.values() for channel in found[name])


def balancing_exponents(program: Program, sets: Mapping[str, Tensor], count: int, ranges: Mapping[str, Tensor]) -> Tensor:
    """(count,) of the factors, rounded down. ranges: of `map_ranges`.

    A channel is raised by SHARE of what it lacks of its map's range. The weights that read it become smaller by as much, and share a
    scale with those that read other channels: their part in the balance is the rest. A channel that only depthwise convolutions read
    gets the whole range: their weights have a scale for each channel.
    """
    range_share, weight_share = (torch.zeros(count, device=next(iter(sets.values())).device) for _ in range(2))
    widest = {name: largest.amax() for name, largest in ranges.items()}
    for group in sharing_groups(program):
        widest |= dict.fromkeys(group, max(widest[name] for name in group))
    for name, largest in ranges.items():
        range_share.scatter_reduce_(0, sets[name], largest / widest[name].clamp_min(NOTHING), "amax")
    for call in program.convs:
        conv = call.module.conv
        if conv.weight.shape[1] > 1:
            reads = input_ranges(conv).view(conv.groups, -1)  # (G, C_in / G)
            reads = reads / reads.amax(1, keepdim=True).clamp_min(NOTHING)
            weight_share.scatter_reduce_(0, sets[call.inputs[0]], reads.flatten(), "amax")
    missing = -torch.log2(torch.where(range_share > 0, range_share, 1))
    dense = weight_share > 0
    balanced = SHARE * missing + (1 - SHARE) * torch.log2(torch.where(dense, weight_share, 1))
    exponents = torch.where(dense, balanced, missing).floor().clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
    exponents[0] = 0
    return exponents


def map_ranges(net: nn.Module, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Result -> (C,) largest |value| of each channel, of all convolutions and all other leaves that round."""
    leaves = {call.name: call.module for call in read_program(net).calls if call.module.grid_rule in ("own", "join")}
    return channel_ranges(net, leaves, batches)
