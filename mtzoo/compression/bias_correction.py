"""Bias correction: rounding shifts the mean of a channel; the bias takes the shift back.

Rounded weights and inputs have errors that do not cancel, so a channel's mean over many images moves, and the layers behind it
see another network. The mean is measured in both networks and the difference added to the bias (Nagel et al., arXiv 1906.04721,
the empirical form). Layers are corrected in order, each on inputs that earlier corrections have already mended.
"""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtzoo.graph import IMAGES, Call, Program, read_program
from mtzoo.layers import ConvBNAct


class Results:
    """A network's results on all batches, call by call; each is kept until its last reader has it."""

    def __init__(self, program: Program, batches: Sequence[Tensor]) -> None:
        self.values: dict[str, list[Tensor]] = {IMAGES: list(batches)}
        self.left = Counter(name for call in program.calls for name in call.reads)

    def inputs(self, call: Call) -> list[tuple[Tensor, ...]]:
        """What the call reads for each batch, its skip last."""
        return list(zip(*(self.values[name] for name in call.reads)))

    def store(self, call: Call, results: list[Tensor]) -> None:
        """Keep the call's results and drop what nobody reads any more."""
        self.values[call.name] = results
        self.left.subtract(call.reads)
        for name in [name for name in self.values if self.left[name] <= 0]:
            del self.values[name]


@torch.no_grad()
def correct_biases(net: nn.Module, reference: nn.Module, batches: Sequence[Tensor]) -> dict[str, float]:
    """Give each channel's sum in `net` the mean it has in `reference`, in place; layer -> largest change of a bias.

    net: folded, prepared, calibrated, rounding, not frozen, so that biases still go to their grid; reference: the same network in
    float; batches: (N, 3, H, W) normalised images. All batches go through the network together, once: memory is that of their
    largest feature maps, twice.
    """
    net.eval()
    program, originals = read_program(net), dict(reference.eval().named_modules())
    exact, rounded = Results(program, batches), Results(program, batches)
    changes: dict[str, float] = {}
    for call in program.calls:
        original = originals[call.name]
        if not isinstance(call.module, ConvBNAct):
            for results, leaf in ((exact, original), (rounded, call.module)):
                results.store(call, [leaf(*inputs) for inputs in results.inputs(call)])
            continue
        wanted = [original.accumulate(*inputs) for inputs in exact.inputs(call)]
        found = [call.module.accumulate(*inputs) for inputs in rounded.inputs(call)]
        change = channel_means(wanted) - channel_means(found)
        call.module.conv.bias += change
        changes[call.name] = float(change.abs().max())
        exact.store(call, [original.activate(y) for y in wanted])
        rounded.store(call, [call.module(*inputs) for inputs in rounded.inputs(call)])
    return changes


def channel_means(batches: Sequence[Tensor]) -> Tensor:
    """(C,) over all images and places of (N, C, H, W) maps."""
    total = sum(y.double().sum((0, 2, 3)) for y in batches)
    return (total / sum(y.numel() / y.shape[1] for y in batches)).float()
