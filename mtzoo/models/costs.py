"""What each node costs: parameters and multiply-accumulates."""

from dataclasses import dataclass
from math import prod

from mtzoo.graph import read_program, result_shapes
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
    shapes, macs = result_shapes(net, input_hw), dict.fromkeys(net.nodes, 0)
    for call in read_program(net).convs:
        _, node, *_ = call.name.split(".")  # nodes.NODE.layer
        macs[node] += prod(shapes[call.name]) * call.module.conv.weight[0].numel()
    return [NodeCost(name, getattr(node, "original", type(node).__name__), net.inputs[name], net.users[name],
                     sum(p.numel() for p in node.parameters()), macs[name]) for name, node in net.nodes.items()]
