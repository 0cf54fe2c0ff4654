"""Widths of single layers that differ from what the node specs say: how a pruned network is written down and built again."""

import math
from collections.abc import Collection

import torch
from torch import nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.graph import drop_block
from mtzoo.graph_spec import REMOVED, ChannelPlan, LayerChannels
from mtzoo.layers import ConvBNAct, prune_channels
from mtzoo.models.stride import network_stride

CHECKED_SIDE = 64  # pixels of the image that a plan is tried on, at least


def layer_channels(layer: ConvBNAct) -> LayerChannels:
    return layer.conv.in_channels, layer.conv.out_channels, layer.conv.groups


def channels_of(net: nn.Module) -> dict[str, LayerChannels]:
    """The widths of every layer of a network."""
    return {name: layer_channels(m) for name, m in net.named_modules() if isinstance(m, ConvBNAct)}


def dropped_blocks(net: nn.Module, whole: nn.Module) -> list[str]:
    """The blocks of `whole` that are not in `net` any more."""
    return [name for name, m in net.named_modules()
            if isinstance(m, nn.Identity) and not isinstance(whole.get_submodule(name), nn.Identity)]


def apply_channels(net: nn.Module, plan: ChannelPlan) -> None:
    """Give layers of a fresh float network their planned widths, in place; each starts as the first of its channels. Blocks go first.

    Raises UserError for a layer that is not there, widths that are no narrower form of it, or layers that do not fit together.
    """
    narrower = {name: channels for name, channels in plan.items() if tuple(channels) != REMOVED}
    for name in [name for name in plan if name not in narrower]:
        _check_block(name, net)
        drop_block(net, name)
    layers = {name: m for name, m in net.named_modules() if isinstance(m, ConvBNAct)}
    for name, channels in narrower.items():
        if name not in layers:
            raise UserError(f"channels: the network has no layer '{name}'{did_you_mean(name, layers)}")
        _check(name, layers[name], channels)
        inputs, outputs, groups = channels
        prune_channels(layers[name], torch.arange(outputs), torch.arange(inputs // groups), groups)
    if plan:
        _check_fit(net)


def node_channels(plan: ChannelPlan, nodes: Collection[str]) -> dict[str, LayerChannels]:
    """The part of a plan that concerns some nodes, by name: what is left of it with fewer tasks."""
    return {name: channels for name, channels in plan.items() if str(name).split(".")[1:2] in [[node] for node in nodes]}


def _check_block(name: str, net: nn.Module) -> None:
    blocks = {path: [m for m in module.modules() if isinstance(m, ConvBNAct)] for path, module in net.named_modules()
              if path.count(".") > 1 and not isinstance(module, ConvBNAct)}
    inside = blocks.get(name)
    if not inside:
        known = [path for path, held in blocks.items() if held]
        raise UserError(f"channels.{name}={list(REMOVED)}: no block of layers{did_you_mean(name, known)}")
    if any(layer.output == "accumulator" for layer in inside):
        raise UserError(f"channels.{name}={list(REMOVED)}: makes an output of the network, it stays")


def _check(name: str, layer: ConvBNAct, channels: LayerChannels) -> None:
    inputs, outputs, groups = channels
    if min(channels) < 1 or inputs % groups or outputs % groups:
        raise UserError(f"channels.{name}={list(channels)}: expected [inputs, outputs, groups], both multiples of the groups")
    whole = layer_channels(layer)
    per_group = whole[0] // whole[2]
    if inputs > whole[0] or outputs > whole[1] or groups > whole[2] or inputs // groups > per_group:
        raise UserError(f"channels.{name}={list(channels)}: wider than the specs make it, {list(whole)}; a plan only narrows")
    if layer.output == "accumulator" and outputs != whole[1]:
        raise UserError(f"channels.{name}={list(channels)}: an output of the network, it keeps its {whole[1]} channels")


@torch.no_grad()
def _check_fit(net: nn.Module) -> None:
    training = net.training
    try:
        side = math.lcm(CHECKED_SIDE, network_stride(net))
        net.eval()(torch.zeros(1, 3, side, side))
    except (RuntimeError, TypeError) as error:  # TypeError: a module of several inputs passes on none of them
        raise UserError(f"channels: the layers do not fit together ({' '.join(str(error).split())[:160]}); use the plan of a "
                        "checkpoint that `mtzoo prune` wrote") from error
    net.train(training)
