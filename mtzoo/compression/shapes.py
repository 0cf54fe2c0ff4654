"""Shapes of a network's results, without computing them."""

import copy
from math import prod

import torch
from torch import Tensor, nn

from mtzoo.layers import ConvBNAct
from mtzoo.quantization import read_program

Shape = tuple[int, ...]


@torch.no_grad()
def result_shapes(net: nn.Module, input_hw: tuple[int, int]) -> dict[str, Shape]:
    """Layer -> shape of its result for one image. Runs shapes only, no arithmetic."""
    shapes: dict[str, Shape] = {}
    dry = copy.deepcopy(net).to("meta").eval()
    for module in dry.modules():
        if isinstance(module, ConvBNAct):
            module.act_quant = module.weight_quant = module.bias_quant = None

    def note(name: str, output: Tensor) -> None:
        shapes[name] = tuple(output.shape)

    for call in read_program(dry).calls:
        call.module.register_forward_hook(lambda module, args, output, name=call.name: note(name, output))
    dry(torch.empty(1, 3, *input_hw, device="meta"))
    return shapes


def output_positions(net: nn.Module, input_hw: tuple[int, int]) -> dict[str, int]:
    """Layer -> H * W of its result, for an image of input_hw pixels."""
    return {name: prod(shape[2:]) for name, shape in result_shapes(net, input_hw).items()}
