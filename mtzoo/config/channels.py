"""A pruned network's config: the specs it came from, and the layers that are narrower now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mtzoo.config.load import config_from_dict
from mtzoo.config.schema import ExperimentConfig
from mtzoo.errors import UserError
from mtzoo.graph_spec import REMOVED, ChannelPlan
from mtzoo.models import build_network
from mtzoo.models.channel_plan import channels_of, dropped_blocks, node_channels


def with_channels(config: ExperimentConfig, plan: ChannelPlan) -> ExperimentConfig:
    """The config with another channel plan."""
    values = {key: value for key, value in config.resolved.items() if key != "channels"}
    return config_from_dict({**values, "channels": {name: list(widths) for name, widths in plan.items()}} if plan else values)


def channel_plan(config: ExperimentConfig, net: nn.Module) -> ChannelPlan:
    """What of a pruned `net` is narrower than the config's specs make it, and the blocks that are gone."""
    whole = build_network(config.graphs)
    widths = channels_of(whole)
    narrower = {name: channels for name, channels in channels_of(net).items() if channels != widths[name]}
    return {**dict.fromkeys(dropped_blocks(net, whole), REMOVED), **narrower}


def adopt_channels(config: ExperimentConfig, held: Mapping[str, Any], where: Path) -> ExperimentConfig:
    """The config with the channel plan of a checkpoint's config (plain data), so that its weights fit; nodes that the config does
    not have are left out. A config with a plan of its own stays as it is.

    Raises UserError naming `where` for a plan that does not fit the config's specs.
    """
    plan = held.get("channels")
    nodes = {node.name for graph in config.graphs.values() for node in graph}
    if not plan or config.channels:
        return config
    try:
        adopted = with_channels(config, node_channels(plan, nodes))
        build_network(adopted.graphs, adopted.channels)
    except UserError as error:
        raise UserError(f"{where}: a pruned network, whose widths do not fit this config: {error}") from error
    return adopted
