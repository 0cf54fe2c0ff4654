"""Auxiliary heads: they teach what they read while a network is trained in float, and are no part of it (PSPNet, arXiv 1612.01105)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.config import ExperimentConfig, TaskConfig
from mtzoo.engine.stages import config_network
from mtzoo.engine.taps import tapped
from mtzoo.errors import UserError, did_you_mean
from mtzoo.graph_spec import NodeSpec
from mtzoo.models import MultiTaskNet, network_stride
from mtzoo.models.channel_plan import CHECKED_SIDE
from mtzoo.models.costs import NodeCost, node_costs
from mtzoo.models.multitask import IMAGE
from mtzoo.models.task_graph import build_node, features_of
from mtzoo.structures import FeatureSpec, RawOutputs

Specs = Mapping[str, Sequence[FeatureSpec]]
"""Node -> its features."""


@dataclass(frozen=True)
class Reader:
    """What one head reads: task: whose labels it learns; inputs: as in its config; features: (node, index of the feature)."""

    task: str
    inputs: tuple[str, ...]
    features: tuple[tuple[str, int], ...]


class AuxiliaryHeads(nn.Module):
    """Heads that read a network's features from outside: name -> module, name -> what it reads.

    They live among the losses (`MultiTaskLoss`), not in the network. Whoever takes a network, or its weights out of a checkpoint,
    never meets them.
    """

    def __init__(self, heads: Mapping[str, nn.Module], readers: Mapping[str, Reader]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(heads)
        self.readers = dict(readers)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes whose results they read."""
        return tuple(dict.fromkeys(node for reader in self.readers.values() for node, _ in reader.features))

    def forward(self, results: Mapping[str, Sequence[Tensor]]) -> RawOutputs:
        """results: node -> its features, (N, C, H, W) each -> {head: {output: (N, C, H/s, W/s)}}."""
        return {name: head([results[node][i] for node, i in self.readers[name].features]) for name, head in self.heads.items()}


def build_auxiliary(config: ExperimentConfig, net: MultiTaskNet | None = None) -> AuxiliaryHeads | None:
    """The auxiliary heads of the config, fresh; None if it has none.

    net: the config's network in evaluation mode, whose features they read. None: it is built. Raises UserError for a head that does
    not fit, or reads what no node of its task makes.
    """
    if not config.auxiliary:
        return None
    specs = _feature_specs(config_network(config).eval() if net is None else net)
    torch.manual_seed(config.env.seed)  # the same in each process
    heads, readers = {}, {}
    for task in config.tasks:
        for node in (head.node for head in task.auxiliary):
            _check_inputs(task, node, specs)
            places = [(source.partition(".")[0], spec) for source in node.inputs for spec in features_of(node.name, source, specs)]
            heads[node.name] = build_node(node, [spec for _, spec in places]).to(memory_format=torch.channels_last)
            readers[node.name] = Reader(task.name, node.inputs, tuple((name, specs[name].index(spec)) for name, spec in places))
    return AuxiliaryHeads(heads, readers)


def _check_inputs(task: TaskConfig, node: NodeSpec, specs: Specs) -> None:
    known = [own.name for own in task.nodes if specs.get(own.name)]
    for source in node.inputs:
        if source.partition(".")[0] not in known:
            why = "which it would teach nothing" if source == IMAGE else "which no node of the task with features is called"
            raise UserError(f"task '{task.name}', auxiliary head '{node.name}': reads '{source}', {why}{did_you_mean(source, known)}")


@torch.no_grad()
def _feature_specs(net: MultiTaskNet) -> dict[str, list[FeatureSpec]]:
    """Node -> its features with the channels that they really have: pruned ones are narrower than their specs."""
    names = [name for name, node in net.nodes.items() if getattr(node, "out_specs", ())]
    side = math.lcm(CHECKED_SIDE, network_stride(net))
    with tapped(net, names) as results:
        net(torch.zeros(1, 3, side, side))
    return {name: [spec._replace(channels=value.shape[1]) for spec, value in zip(net.nodes[name].out_specs, results[name], strict=True)]
            for name in names}


def auxiliary_costs(net: MultiTaskNet, auxiliary: AuxiliaryHeads, input_hw: tuple[int, int]) -> list[NodeCost]:
    """Costs of every head, for an image of input_hw pixels."""
    readers = auxiliary.readers
    together = MultiTaskNet({**net.nodes, **auxiliary.heads}, {**net.inputs, **{name: r.inputs for name, r in readers.items()}},
                            {**net.heads, **{name: name for name in readers}},
                            {**net.users, **{name: (r.task,) for name, r in readers.items()}})
    return [cost for cost in node_costs(together, input_hw) if cost.name in readers]
