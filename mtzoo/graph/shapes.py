"""Shapes of a network's results, without computing them."""

import copy
from math import prod

import torch
from torch import nn

from mtzoo.graph.program import IMAGES, read_program
from mtzoo.layers import Leaf

Shape = tuple[int, ...]


@torch.no_grad()
def result_shapes(net: nn.Module, input_hw: tuple[int, int], images: int = 1) -> dict[str, Shape]:
    """Result -> its shape for so many images, that of the image itself as IMAGES. Runs shapes only, no arithmetic."""
    tensors = [*net.parameters(), *net.buffers()]
    dry = copy.deepcopy(net, {id(tensor): tensor for tensor in tensors}).eval()
    for module in dry.modules():
        if isinstance(module, Leaf):
            module.strip()
    device = tensors[0].device
    count = images if device.type == "meta" else 0  # no image costs nothing; the "meta" device imports torch._dynamo for seconds
    values = {IMAGES: torch.empty(count, 3, *input_hw, device=device)}
    for call in read_program(dry).calls:
        values[call.name] = call.module(*(values[name] for name in call.reads))
    return {name: (images, *value.shape[1:]) for name, value in values.items()}


def output_positions(net: nn.Module, input_hw: tuple[int, int]) -> dict[str, int]:
    """Result -> H * W of it, for an image of input_hw pixels."""
    return {name: prod(shape[2:]) for name, shape in result_shapes(net, input_hw).items()}
