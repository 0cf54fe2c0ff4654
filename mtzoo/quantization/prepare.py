"""Attach quantizers to a network, and switch them."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.layers import ConvBNAct, ImageQuant
from mtzoo.quantization.fake_quant import (
    Accumulator,
    ActFakeQuant,
    BiasFakeQuant,
    ImageScale,
    WeightFakeQuant,
    build_act_quant,
)
from mtzoo.quantization.graph import Call, Program, producers, read_program, sharing_groups
from mtzoo.quantization.qconfig import QConfig, QConfigMap, node_of

IMAGE_SCALE = ImageScale(2.0**ImageQuant.exponent, -128, 127)
DEFAULT = QConfigMap()
Source = ActFakeQuant | ImageScale | None


def prepare(net: nn.Module, qconfigs: QConfigMap = DEFAULT) -> None:
    """Give every convolution of `net` its quantizers, in place; they neither observe nor round yet.

    Layers that a Concat joins share one activation quantizer. It is registered, and saved, with the first of them; the
    others only refer to it, so that a state dict names every tensor once.
    Raises UserError for an override or a pattern that names nothing, and for layers that cannot share a scale.
    """
    program = read_program(net)
    if is_prepared(net):
        raise UserError("the network already has quantizers; prepare it once")
    _check_names(qconfigs, [call.name for call in program.convs])
    quantized = {call.name: _with_width(call, config) for call in program.convs
                 if _is_quantized(call, config := qconfigs.of_module(call.name))}
    device = next(net.parameters()).device
    _attach_activations(program, quantized)
    _attach_weights(program, quantized)
    net.to(device)


def is_prepared(net: nn.Module) -> bool:
    return any(isinstance(m, WeightFakeQuant) for m in net.modules())


def _check_names(qconfigs: QConfigMap, layers: list[str]) -> None:
    nodes = {node_of(name) for name in layers}
    for node in qconfigs.overrides:
        if node not in nodes:
            raise UserError(f"qconfig override '{node}': no node is called so{did_you_mean(node, nodes)}")
    for config in {qconfigs.of_module(name) for name in layers}:
        for key in ("not_quant_pattern", "int16_pattern"):
            for pattern in getattr(config, key):
                _check_pattern(key, pattern, layers)


def _check_pattern(key: str, pattern: str, layers: list[str]) -> None:
    if not any(fnmatchcase(name, pattern) for name in layers):
        inside = f"*{pattern}*"  # what toolkits take that look for a part of the name
        hint = f"; '{inside}' would" if any(fnmatchcase(name, inside) for name in layers) else did_you_mean(pattern, layers)
        raise UserError(f"{key} '{pattern}' matches no layer{hint}")


def _is_quantized(call: Call, config: QConfig) -> bool:
    kind = "conv2d" if call.module.conv.groups == 1 else "group_conv2d"
    return kind in config.op_types and not any(fnmatchcase(call.name, p) for p in config.not_quant_pattern)


def _with_width(call: Call, config: QConfig) -> QConfig:
    return config.wide() if any(fnmatchcase(call.name, p) for p in config.int16_pattern) else config


def _attach_activations(program: Program, quantized: dict[str, QConfig]) -> None:
    for call in program.convs:
        config = quantized.get(call.name)
        if config is not None and "quantized" in (call.module.output, config.head_output):
            call.module.act_quant = build_act_quant(config, signed=not call.module.relu)
    modules = {call.name: call.module for call in program.calls}
    for group in sharing_groups(program):
        if all(name in quantized for name in group) and len({quantized[name].activation_bits for name in group}) == 1:
            _share(group, modules, quantized)


def _share(group: tuple[str, ...], modules: dict[str, nn.Module], quantized: dict[str, QConfig]) -> None:
    first, *others = group
    shared = modules[first].act_quant
    for name in others:
        if modules[name].relu != modules[first].relu:
            raise UserError(f"a Concat joins '{first}' and '{name}', of which one ends in a ReLU and one does not: signed and "
                            "unsigned integers cannot share one scale")
        if quantized[name] != quantized[first]:
            raise UserError(f"a Concat joins '{first}' and '{name}', which share one scale but have different qconfigs")
        del modules[name].act_quant
        modules[name].__dict__["act_quant"] = shared  # past nn.Module's registration: see `prepare`
    shared.observer.sources = len(group)


def _attach_weights(program: Program, quantized: dict[str, QConfig]) -> None:
    sources = {call.name: IMAGE_SCALE if isinstance(call.module, ImageQuant) else getattr(call.module, "act_quant", None)
               for call in program.calls}
    by_result: dict[str, Source] = {}  # a Concat with a float part, or of the image, has no one scale
    for name, made_by in producers(program).items():
        first = sources[made_by[0]]
        by_result[name] = first if all(sources[p] is first for p in made_by) else None
    for call in program.convs:
        if call.name not in quantized:
            continue
        conv = call.module.conv
        weight = WeightFakeQuant(quantized[call.name], conv.out_channels)
        call.module.weight_quant = weight
        source = by_result[call.inputs[0]]
        if source is not None:
            skip = None if call.skip is None else by_result[call.skip]
            weight.accumulator = Accumulator(conv, weight, source, skip)
            call.module.bias_quant = BiasFakeQuant(weight.accumulator)


def set_observing(net: nn.Module, observing: bool) -> None:
    """Whether activation quantizers follow the range of what they see, while in training mode."""
    for module in net.modules():
        if isinstance(module, ActFakeQuant):
            module.observing = observing


def set_fake_quant(net: nn.Module, enabled: bool) -> None:
    """Whether quantizers round. A network with neither mode computes as the float one."""
    for module in net.modules():
        if isinstance(module, ActFakeQuant | WeightFakeQuant | BiasFakeQuant):
            module.enabled = enabled


def unobserved(net: nn.Module) -> list[str]:
    """Layers whose activation quantizer has not seen anything yet."""
    return [name for name, m in net.named_modules() if isinstance(m, ConvBNAct) and m.act_quant is not None
            and float(m.act_quant.scale) == 0]


@torch.no_grad()
def calibrate(net: nn.Module, batches: Iterable[Tensor]) -> None:
    """Observe float activations on batches (N, 3, H, W) of normalised images; afterwards the net rounds and observes not.

    BN runs on its statistics. Raises UserError if there is no batch.
    """
    training, device = net.training, next(net.parameters()).device
    net.eval()
    for module in net.modules():
        if isinstance(module, ActFakeQuant):
            module.train()
    set_observing(net, True)
    set_fake_quant(net, False)
    with torch.autocast(device.type, enabled=False):
        for batch in batches:
            net(batch.to(device))
    set_observing(net, False)
    set_fake_quant(net, True)
    net.train(training)
    if missing := unobserved(net):
        raise UserError(f"calibration: layer '{missing[0]}' has seen nothing; give at least one image")
