"""Convolutions of a float network as oneDNN runs them best: weights in its own order from the start, skip and ReLU in the same pass.

Sums are the same, to the last bit wherever PyTorch by itself takes oneDNN; for a few shapes it takes another way, in another order.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from mtzoo.graph import Program
from mtzoo.layers import ConvBNAct


class PrepackedConv(nn.Module):
    """`layer` (float, on the CPU, without BN), for inference. Weights are packed for the first input that comes."""

    def __init__(self, layer: ConvBNAct) -> None:
        super().__init__()
        conv = layer.conv
        self.weight, self.bias, self.packed = conv.weight.detach(), None if conv.bias is None else conv.bias.detach(), None
        self.places = [list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups]
        self.relu = "relu" if layer.relu else None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """As ConvBNAct."""
        if self.packed is None:
            self.packed = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *self.places, list(x.shape))
        if skip is None:
            return torch.ops.mkldnn._convolution_pointwise(x, self.packed, self.bias, *self.places, self.relu or "none", [], "")
        return torch.ops.mkldnn._convolution_pointwise.binary(x, skip, self.packed, self.bias, *self.places, "add", None, self.relu, [],
                                                              "")


def pack(program: Program, made: dict[nn.Module, nn.Module]) -> Program:
    """The program with packed convolutions, where they can be packed. made: layer -> its packed form, shared by programs."""
    if not torch.backends.mkldnn.is_available():
        return program
    calls = []
    for call in program.calls:
        if call.module not in made:
            made[call.module] = PrepackedConv(call.module) if _can_be_prepacked(call.module) else call.module
        calls.append(replace(call, module=made[call.module]))
    return replace(program, calls=tuple(calls))


def _can_be_prepacked(module: nn.Module) -> bool:
    if not isinstance(module, ConvBNAct) or module.ceiling is not None or not module.padded_alike:
        return False
    if module.bn is not None or module.weight_quant is not None or module.act_quant is not None:
        return False
    return module.conv.weight.device.type == "cpu" and module.conv.weight.dtype == torch.float32
