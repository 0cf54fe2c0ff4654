"""Every task is its own graph of named nodes; nodes of the same name and spec are one module."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import nn

from mtzoo.errors import UserError, did_you_mean, shown
from mtzoo.graph_spec import ChannelPlan, NodeSpec
from mtzoo.lowering import as_leaves
from mtzoo.machine import check_memory
from mtzoo.models.channel_plan import apply_channels
from mtzoo.models.multitask import IMAGE, MultiTaskNet
from mtzoo.registry import NODES, check_params, find
from mtzoo.structures import FeatureSpec

LARGEST_NUMBER, MOST_NUMBERS = 4096, 64
"""Of a node's parameters: channels, depths, strides."""
LARGEST_NUMBERS = {"factor": 64, "depth": 128}
BYTES_OF_A_PARAMETER = 4


def merge_graphs(graphs: Mapping[str, Sequence[NodeSpec]]) -> dict[str, NodeSpec]:
    """All tasks' nodes by name, inputs first. The same name with another spec is a UserError that shows both."""
    merged: dict[str, NodeSpec] = {}
    owner: dict[str, str] = {}
    for task, nodes in graphs.items():
        if not nodes:
            raise UserError(f"task '{task}': 'nodes' is empty; give its backbone, neck and head")
        seen = {IMAGE}
        for node in nodes:
            for source in node.inputs:
                if source.partition(".")[0] not in seen:
                    raise UserError(f"task '{task}', node '{node.name}': reads '{source}', which no earlier node is called"
                                    f"{did_you_mean(source, seen)}")
            seen.add(node.name)
            _check_name(node.name)
            if node.name in merged and merged[node.name] != node:
                raise UserError(f"node '{node.name}' has two specs: {merged[node.name]} in task '{owner[node.name]}', "
                                f"{node} in task '{task}'; give one of them another name or make them equal")
            merged.setdefault(node.name, node)
            owner.setdefault(node.name, task)
    return merged


def _check_name(name: str) -> None:
    """Raises UserError for a name that would hide an attribute of the module that holds the nodes."""
    if hasattr(nn.ModuleDict, name):
        raise UserError(f"node '{name}': PyTorch has this name for something else; rename the node")


def build_node(spec: NodeSpec, in_specs: Sequence[FeatureSpec]) -> nn.Module:
    """One node from its spec. Raises UserError for unknown types, parameters or values."""
    cls = find(NODES, spec.type, f"node '{spec.name}'.type")
    check_params(cls, dict(spec.params), f"node '{spec.name}'", supplied=("in_specs",))
    for key, value in spec.params.items():
        numbers, largest = value if isinstance(value, list | tuple) else [value], LARGEST_NUMBERS.get(key, LARGEST_NUMBER)
        if len(numbers) > MOST_NUMBERS or any(isinstance(n, int) and not 0 <= n <= largest for n in numbers):
            raise UserError(f"node '{spec.name}'.{key}={shown(value)}: expected numbers in 0..{largest:,}, {MOST_NUMBERS} at most")
    try:
        return as_leaves(cls(in_specs, **spec.params), in_specs, reads_image=spec.inputs == (IMAGE,))
    except UserError as error:
        raise UserError(f"node '{spec.name}': {error}") from error
    except Exception as error:  # a constructor does arithmetic with what it is given: any of it may fail
        why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise UserError(f"node '{spec.name}': {' '.join(why.split())[:300]}") from error


def build_network(graphs: Mapping[str, Sequence[NodeSpec]], channels: ChannelPlan = MappingProxyType({})) -> MultiTaskNet:
    """{task: its nodes, the last one being the head} -> the network in which equal names are shared.

    channels: widths of the layers that are narrower than their specs. Raises UserError for what does not fit.
    """
    merged = merge_graphs(graphs)
    nodes: dict[str, nn.Module] = {}
    parameters = 0
    out_specs: dict[str, Sequence[FeatureSpec]] = {IMAGE: (FeatureSpec(3, 1, IMAGE),)}
    for name, spec in merged.items():
        nodes[name] = build_node(spec, [s for source in spec.inputs for s in features_of(name, source, out_specs)])
        out_specs[name] = getattr(nodes[name], "out_specs", ())
        parameters += sum(p.numel() for p in nodes[name].parameters())
        check_memory(f"node '{name}', {parameters:,} parameters so far", parameters * BYTES_OF_A_PARAMETER)
    users = {name: [task for task, graph in graphs.items() if any(n.name == name for n in graph)] for name in merged}
    heads = {task: graph[-1].name for task, graph in graphs.items()}
    net = MultiTaskNet(nodes, {name: spec.inputs for name, spec in merged.items()}, heads, users)
    apply_channels(net, channels)
    return net.to(memory_format=torch.channels_last)


def features_of(reader: str, source: str, out_specs: Mapping[str, Sequence[FeatureSpec]]) -> Sequence[FeatureSpec]:
    """What `source` stands for in the inputs of a node: all features of a node, or one of them.

    Raises UserError for a feature that is not there, and for a head, which has none.
    """
    node, dot, feature = source.partition(".")
    if not out_specs[node]:
        raise UserError(f"node '{reader}': reads '{node}', a head, which has no features; read its backbone or neck")
    if not dot:
        return out_specs[node]
    found = [spec for spec in out_specs[node] if spec.name == feature]
    if not found:
        names = [spec.name for spec in out_specs[node]]
        raise UserError(f"node '{reader}': reads '{source}', but '{node}' has no such feature{did_you_mean(feature, names)}")
    return found
