"""What each node costs: parameters and multiply-accumulates."""

import copy
from dataclasses import dataclass

import torch

from mtzoo.layers import ConvBNAct
from mtzoo.models.multitask import MultiTaskNet


@dataclass(frozen=True)
class NodeCost:
    """params: all learnt values, BN's affine too; macs: multiply-accumulates of convolutions for one image."""

    name: str
    type: str
    inputs: tuple[str, ...]
    tasks: tuple[str, ...]
    params: int
    macs: int


def node_costs(net: MultiTaskNet, input_hw: tuple[int, int]) -> list[NodeCost]:
    """Costs of every node, in order, for an image of input_hw pixels. Runs shapes only, no arithmetic."""
    shapes = copy.deepcopy(net).to("meta").eval()
    macs = dict.fromkeys(shapes.nodes, 0)

    def count(node: str, layer: ConvBNAct, output: torch.Tensor) -> None:
        macs[node] += output[0].numel() * layer.conv.weight[0].numel()

    for name, node in shapes.nodes.items():
        for module in node.modules():
            if isinstance(module, ConvBNAct):
                module.act_quant = module.weight_quant = module.bias_quant = None
                module.register_forward_hook(lambda m, args, out, name=name: count(name, m, out))
    with torch.no_grad():
        shapes(torch.empty(1, 3, *input_hw, device="meta"))
    return [NodeCost(name, getattr(node, "original", type(node).__name__), net.inputs[name], net.users[name],
                     sum(p.numel() for p in node.parameters()), macs[name]) for name, node in net.nodes.items()]
