"""Cross-layer equalization: channels of one feature map get ranges alike, so that one scale suits all of them.

Where a convolution's result passes through a ReLU and nothing but one other convolution reads it, relu(s x) = s relu(x) lets a
positive factor per channel move from the one into the other without changing the function (Nagel et al., "Data-Free Quantization
through Weight Equalization and Bias Correction", arXiv 1906.04721). Factors are powers of two: nothing is rounded.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.compression.channel_ranges import channel_ranges
from mtzoo.errors import UserError
from mtzoo.graph import Call, Program, read_program
from mtzoo.layers import ConvBNAct
from mtzoo.quantization import is_prepared, layers_with_bn

MAX_ROUNDS = 20
LARGEST_EXPONENT = 8  # of a factor: a dead channel must not blow up what stands beside it


@dataclass(frozen=True)
class Pair:
    """first: its result is read by `second` alone."""

    first: Call
    second: Call


def equalizable_pairs(program: Program) -> list[Pair]:
    """Convolution -> convolution with a ReLU between them and neither skip, concat, resampling nor a second reader. Not with a ReLU6,
    which does not scale."""
    readers = Counter(name for call in program.calls for name in call.reads)
    readers.update(name for maps in program.outputs.values() for name in maps.values())
    convs = {call.name: call for call in program.convs}
    pairs = [Pair(convs[call.inputs[0]], call) for call in program.convs if call.inputs[0] in convs]
    return [p for p in pairs if p.first.module.activation == "relu" and p.first.module.fixed_exponent is None and p.first.skip is None
            and readers[p.first.name] == 1]


@torch.no_grad()
def equalize(net: nn.Module, ranges: Mapping[str, Tensor] | None = None) -> int:
    """Equalize `net` (float, BN folded) in place; the number of channels that changed. Its outputs stay the same.

    ranges: layer -> (C_out,) largest activation of each channel, from `activation_ranges`; they are balanced against the
    weights that read the channel. None: the weights that make a channel are balanced against those that read it, as in the paper.
    Raises UserError if BN is live or quantizers are in.
    """
    if layers_with_bn(net) or is_prepared(net):
        raise UserError("equalization needs a float network whose BN is folded; fold it first and prepare it afterwards")
    pairs = equalizable_pairs(read_program(net))
    made = None if ranges is None else {p.first.name: ranges[p.first.name].clone() for p in pairs}
    changed = {p.first.name: torch.zeros(p.first.module.conv.out_channels, dtype=torch.bool) for p in pairs}
    for _ in range(MAX_ROUNDS):  # a convolution may be the second of one pair and the first of the next
        moved = False
        for pair in pairs:
            name, first, second = pair.first.name, pair.first.module.conv, pair.second.module.conv
            factor = balancing_factor(first.weight.abs().amax((1, 2, 3)) if made is None else made[name], input_ranges(second))
            _move(first, second, factor)
            if made is not None:
                made[name] /= factor
            changed[name] |= (factor != 1).cpu()
            moved |= bool((factor != 1).any())
        if not moved:
            break
    return sum(int(c.sum()) for c in changed.values())


def balancing_factor(made: Tensor, read: Tensor) -> Tensor:
    """(C,) s, a power of two, with made / s about read * s; 1 where a range is zero. Up to sqrt 2 is left as it is."""
    known = (made > 0) & (read > 0)
    exponent = (torch.log2(torch.where(known, made / read, torch.ones_like(made))) / 2).round()
    return torch.exp2(exponent.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT))


def input_ranges(conv: nn.Conv2d) -> Tensor:
    """(C_in,): the largest |weight| that reads each channel."""
    groups = conv.weight.detach().abs().unflatten(0, (conv.groups, -1))  # (G, C_out / G, C_in / G, k, k)
    return groups.amax((1, 3, 4)).flatten()


def _move(first: nn.Conv2d, second: nn.Conv2d, factor: Tensor) -> None:
    """Divide each output channel of `first` by its factor and multiply what reads it."""
    first.weight /= factor.view(-1, 1, 1, 1)
    first.bias /= factor
    groups = factor.view(second.groups, 1, -1, 1, 1)  # (G, 1, C_in / G, 1, 1)
    second.weight.unflatten(0, (second.groups, -1)).mul_(groups)


def activation_ranges(net: nn.Module, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Layer -> (C_out,) largest result of each channel on batches (N, 3, H, W) of normalised images."""
    return channel_ranges(net, {name: m for name, m in net.named_modules() if isinstance(m, ConvBNAct)}, batches)
