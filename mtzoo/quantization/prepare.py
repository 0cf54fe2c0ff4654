"""Attach quantizers to a network, and switch them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.graph import Call, Program, producers, read_program, rounding_calls, sharing_groups, signs
from mtzoo.layers import IMAGE_GRID, ConvBNAct, Leaf
from mtzoo.quantization.fake_quant import ActFakeQuant, ImageScale, build_act_quant
from mtzoo.quantization.observers import MovingAverageObserver
from mtzoo.quantization.qconfig import QConfig, QConfigMap, node_of
from mtzoo.quantization.weight_quant import Accumulator, BiasFakeQuant, WeightFakeQuant

IMAGE_SCALE = ImageScale(float(IMAGE_GRID.scale), IMAGE_GRID.low, IMAGE_GRID.high)
DEFAULT = QConfigMap()
Source = ActFakeQuant | ImageScale | None


def prepare(net: nn.Module, qconfigs: QConfigMap = DEFAULT) -> None:
    """Insert quantizers into every layer that rounds, in place. They neither observe nor round yet.

    Layers that a concatenation joins share one activation quantizer (`mtzoo.graph.rounding_joins`). A layer without weights is
    quantized if all its inputs are.

    Args:
        net: A float network.
        qconfigs: The quantization of each node.

    Raises:
        UserError: The network has quantizers already, or a node or pattern in `qconfigs` does not exist.
    """
    program = read_program(net)
    if is_prepared(net):
        raise UserError("the network already has quantizers; prepare it once")
    rounding = rounding_calls(program)
    _check_names(qconfigs, [call.name for call in rounding])
    quantized = _quantized(program, rounding, qconfigs)
    device = next(net.parameters()).device
    _attach_activations(program, rounding, quantized)
    attach_sources(program)
    _attach_weights(program, quantized)
    net.to(device)


def is_prepared(net: nn.Module) -> bool:
    return any(isinstance(m, WeightFakeQuant) for m in net.modules())


def _check_names(qconfigs: QConfigMap, layers: list[str]) -> None:
    nodes = {node_of(name) for name in layers}
    for node in qconfigs.overrides:
        if node not in nodes:
            raise UserError(f"qconfig override '{node}': no node has this name{did_you_mean(node, nodes)}")
    for config in {qconfigs.of_module(name) for name in layers}:
        for key in ("not_quant_pattern", "int16_pattern"):
            for pattern in getattr(config, key):
                _check_pattern(key, pattern, layers)


def _check_pattern(key: str, pattern: str, layers: list[str]) -> None:
    if not any(fnmatchcase(name, pattern) for name in layers):
        inside = f"*{pattern}*"  # what toolkits take that look for a part of the name
        hint = f"; '{inside}' would" if any(fnmatchcase(name, inside) for name in layers) else did_you_mean(pattern, layers)
        raise UserError(f"{key} '{pattern}' matches no layer{hint}")


def _quantized(program: Program, rounding: Sequence[Call], qconfigs: QConfigMap) -> dict[str, QConfig]:
    """Layer -> its config, of those of `rounding` that are not left in float."""
    found: dict[str, QConfig] = {}
    made_by = producers(program)
    images = {call.name for call in program.calls if call.module.grid_rule == "image"}
    for call in rounding:
        config = qconfigs.of_module(call.name)
        if any(fnmatchcase(call.name, pattern) for pattern in config.not_quant_pattern):
            continue
        if isinstance(call.module, ConvBNAct):
            wanted = ("conv2d" if call.module.conv.groups == 1 else "group_conv2d") in config.op_types
        else:
            wanted = all(name in found or name in images for read in call.inputs for name in made_by[read])
        if wanted:
            found[call.name] = config.int16() if any(fnmatchcase(call.name, p) for p in config.int16_pattern) else config
    return found


def _attach_activations(program: Program, rounding: Sequence[Call], quantized: dict[str, QConfig]) -> None:
    sign = signs(program)
    for call in rounding:
        config = quantized.get(call.name)
        if config is not None and _rounds(call.module, config):
            call.module.act_quant = build_act_quant(config, signed=sign[call.name], fixed_exponent=call.module.fixed_exponent)
        if config is not None and call.skip is not None and config.skip_sum == "quantized":
            call.module.conv_quant = build_act_quant(config, signed=True)
    modules = {call.name: call.module for call in program.calls}
    for group in sharing_groups(program):
        if all(name in quantized for name in group) and len({quantized[name].activation_bits for name in group}) == 1:
            _share(group, modules, quantized)


def _rounds(leaf: Leaf, config: QConfig) -> bool:
    """Whether its result goes to 8 bits; a head's last convolution may keep its sum."""
    return not isinstance(leaf, ConvBNAct) or "quantized" in (leaf.output, config.head_output)


def _share(group: tuple[str, ...], modules: dict[str, Leaf], quantized: dict[str, QConfig]) -> None:
    first, *others = group
    shared = modules[first].act_quant
    for name in others:
        if _elsewhere_alike(quantized[name]) != _elsewhere_alike(quantized[first]):
            raise UserError(f"a Concat joins '{first}' and '{name}', which share one scale but have different qconfigs")
        del modules[name].act_quant
        modules[name].__dict__["act_quant"] = shared  # past nn.Module's registration: see `prepare`
    shared.observer.sources = len(group)


def _elsewhere_alike(config: QConfig) -> QConfig:
    """The config without what decides only where a node rounds: layers of different nodes may share a scale all the same."""
    return replace(config, head_output=QConfig.head_output, skip_sum=QConfig.skip_sum)


def attach_sources(program: Program) -> None:
    """Tell every leaf of a program with quantizers the scales of what it reads."""
    scales = {call.name: IMAGE_SCALE if call.module.grid_rule == "image" else getattr(call.module, "act_quant", None)
              for call in program.calls}
    by_result: dict[str, Source] = {}  # a join with a float part has no one scale
    for name, made_by in producers(program).items():
        first = scales[made_by[0]]
        by_result[name] = first if all(scales[p] is first for p in made_by) else None
    for call in program.calls:
        if call.module.grid_rule != "image":
            call.module.sources = tuple(by_result[name] for name in call.reads)


def _attach_weights(program: Program, quantized: dict[str, QConfig]) -> None:
    for call in program.convs:
        if call.name not in quantized:
            continue
        conv = call.module.conv
        weight = WeightFakeQuant(quantized[call.name], conv.out_channels)
        call.module.weight_quant = weight
        source, *skip = call.module.sources
        if source is not None:
            added = skip[0] if skip and call.module.conv_quant is None else None
            weight.accumulator = Accumulator(conv, weight, source, added)
            call.module.bias_quant = BiasFakeQuant(weight.accumulator)


def set_observing(net: nn.Module, observing: bool) -> None:
    """Switch the observers of feature maps on or off. They work in training mode only.

    Args:
        net: A prepared network.
        observing: Whether ranges follow the feature maps.
    """
    for module in net.modules():
        if isinstance(module, ActFakeQuant):
            module.observing = observing


def set_fake_quant(net: nn.Module, enabled: bool) -> None:
    """Switch rounding on or off. Without rounding, the network computes in float.

    Args:
        net: A prepared network.
        enabled: Whether quantizers round.
    """
    for module in net.modules():
        if isinstance(module, ActFakeQuant | WeightFakeQuant | BiasFakeQuant):
            module.enabled = enabled


def unobserved(net: nn.Module) -> list[str]:
    """Layers whose activation quantizer has not seen anything yet."""
    return [name for name, m in net.named_modules() if isinstance(m, Leaf)
            and any(isinstance(q, ActFakeQuant) and float(q.scale) == 0 for q in m.children())]


@torch.no_grad()
def calibrate(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Observe the ranges of feature maps in float, with BN on its running statistics. Afterwards the network rounds and no longer
    observes.

    Args:
        net: A prepared network.
        batches: Normalised images (N, 3, H, W).

    Raises:
        UserError: There is no batch.
    """
    training, device = net.training, next(net.parameters()).device
    net.eval()
    averages = [module for module in net.modules() if isinstance(module, MovingAverageObserver)]
    for module in net.modules():
        if isinstance(module, ActFakeQuant):
            module.train()
    for average in averages:
        average.counted = 0
    set_observing(net, True)
    set_fake_quant(net, False)
    with torch.autocast(device.type, enabled=False):
        for batch in batches:
            net(batch.to(device))
    for average in averages:
        average.counted = None
    set_observing(net, False)
    set_fake_quant(net, True)
    net.train(training)
    if missing := unobserved(net):
        raise UserError(f"calibration: layer '{missing[0]}' has seen nothing; give at least one image")
