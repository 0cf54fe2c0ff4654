"""What exact sums cost: which layers are computed in parts, and which have coarser weights than 8 bits allow."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.graph import read_program
from mtzoo.ops.fixed_point import to_integers
from mtzoo.quantization.fold import fold_bn
from mtzoo.quantization.prepare import prepare, set_fake_quant
from mtzoo.quantization.qconfig import QConfigMap
from mtzoo.quantization.weight_quant import WeightFakeQuant


@dataclass(frozen=True)
class WideLayer:
    """A layer that the limit of 2^24 touches. parts: how many it is computed in; lost: bits that the weights of each of its channels
    have lost, of those that have lost any; channels: of its result."""

    name: str
    inputs: int
    parts: int
    lost: tuple[int, ...]
    channels: int

    def __str__(self) -> str:
        told = [f"{self.inputs:,} inputs for each output"]
        if self.parts > 1:
            told.append(f"computed in {self.parts} parts")
        if self.lost:
            least, most = min(self.lost), max(self.lost)
            bits = "1 bit" if most == 1 else f"{most} bits" if least == most else f"{least} to {most} bits"
            told.append(f"weights of {len(self.lost)} of {self.channels} channels are {bits} coarser, so that bias and sum fit")
        return f"layer '{self.name}': {', '.join(told)}"


@torch.no_grad()
def wide_layers(net: nn.Module) -> list[WideLayer]:
    """The layers of a folded and observed fake-quant network whose sums would not be exact as they are, in execution order."""
    found = []
    for call in read_program(net).convs:
        quant, weight = call.module.weight_quant, call.module.conv.weight
        if quant is None or quant.accumulator is None or not quant.accumulator.exact or call.module.conv.bias is None:
            continue
        quant.refresh(weight)
        lost = [int(bits) for bits in _lost_bits(quant, weight) if bits > 0]
        parts = 1 if quant.parts is None else quant.parts.count
        if lost or parts > 1:
            found.append(WideLayer(call.name, weight[0].numel(), parts, tuple(lost), len(weight)))
    return found


def _lost_bits(quant: WeightFakeQuant, weight: Tensor) -> Tensor:
    """(C_out,): how many bits the largest weight of each channel leaves unused; 0 for a channel of zeros."""
    largest = to_integers(weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit).abs().amax((1, 2, 3))
    used = torch.floor(torch.log2(largest.clamp(min=0.5)))  # 6 where 8 bits are used, -1 where nothing is left
    unused = torch.floor(torch.log2(torch.tensor(float(quant.limit)))) - used
    return torch.where(weight.abs().amax((1, 2, 3)) > 0, unused, torch.zeros_like(unused))


@torch.no_grad()
def expected_parts(net: nn.Module, qconfigs: QConfigMap) -> list[WideLayer]:
    """The same of a float network with the weights that it has, were it quantized now: biases, which need images, are left out."""
    trial = copy.deepcopy(net).eval()
    fold_bn(trial, ["*"])
    prepare(trial, qconfigs)
    set_fake_quant(trial, True)
    for call in read_program(trial).convs:
        call.module.conv.bias.zero_()
        for source in (call.module.act_quant, *call.module.sources):
            if source is not None and hasattr(source, "observer"):
                source.scale.fill_(1.0)
    return [layer for layer in wide_layers(trial) if layer.parts > 1]
