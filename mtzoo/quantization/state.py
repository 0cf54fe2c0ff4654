"""The integers of a network as named tensors: what a checkpoint of step 3 and an exported file hold.

Per layer ("nodes.backbone.stem"): `<layer>.weight` int8 (C_out, C_in / groups, k, k), `<layer>.bias` int32 (C_out,),
`<layer>.weight_exponent` int8 (C_out,), `<layer>.conv_exponent` int8 () if its result is rounded before a skip is added, and
`<layer>.output_exponent` int8 () unless its output is the accumulator. Of layers that round and have no weights
`<layer>.output_exponent` alone.
The bias lies on the grid 2^(input exponent + weight exponent); input exponents are those of the producers' outputs.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.graph import Call, Program, read_program, rounding_calls
from mtzoo.layers import ConvBNAct, Leaf
from mtzoo.ops.fixed_point import MIN_SCALE, exponent_of, to_integers
from mtzoo.quantization.fold import layers_with_bn
from mtzoo.quantization.prepare import prepare, set_fake_quant, set_observing, unobserved
from mtzoo.quantization.qconfig import QConfig, QConfigMap, node_of
from mtzoo.quantization.weight_quant import BIAS_LIMIT

OF_MAPS = ("conv_exponent", "output_exponent")
"""Exponents of whole maps; those of weights are one for each channel."""
IntegerState = Mapping[str, Tensor]
DTYPES = {"weight": torch.int8, "bias": torch.int32, "weight_exponent": torch.int8, "conv_exponent": torch.int8,
          "output_exponent": torch.int8}
EXPONENTS = (round(math.log2(MIN_SCALE)), 48)
"""Of scales, 2^e: from that of nothing but zeros to what holds any number that training could mean."""


def inexact_layers(net: nn.Module) -> dict[str, str]:
    """Layer -> why no integer network can have it, of a prepared network: what its QConfig says, not what is still to be done."""
    return {call.name: why for call in rounding_calls(read_program(net)) if (why := _why_inexact(call.module)) is not None}


def _why_inexact(layer: Leaf) -> str | None:
    if isinstance(layer, ConvBNAct):
        if layer.bias_quant is None:
            return "or its input is left in float (not prepared, or not_quant_pattern, op_types)"
        if not layer.weight_quant.power_of_two:
            return "has scale_mode='float'"
        if not layer.weight_quant.exact:
            return "has 16-bit weights"
    elif layer.act_quant is None:
        return "or its input is left in float (not prepared, or not_quant_pattern, op_types)"
    for quant in (layer.act_quant, layer.conv_quant if isinstance(layer, ConvBNAct) else None):
        if quant is not None and not quant.exact:
            return "has activations of 16 bits" if quant.bits == 16 else "has activation_symmetric=False"
    return None


def check_convertible(net: nn.Module) -> None:
    """Raises UserError naming what stands between `net` and an integer network: live BN, float layers, float scales."""
    if live := layers_with_bn(net):
        raise UserError(f"layer '{live[0]}' ({len(live)} in all) still has BN; fold it first (fusion_bn_patterns)")
    for layer, why in inexact_layers(net).items():
        raise UserError(f"layer '{layer}' {why}; an exact integer network has power-of-two scales in every layer")
    if missing := unobserved(net):
        raise UserError(f"layer '{missing[0]}' has no activation scale yet; calibrate or train the network first")


@torch.no_grad()
def freeze(net: nn.Module) -> None:
    """Put weights and biases exactly on their grids and fix all scales, in place.

    Args:
        net: A network without BN, prepared and calibrated or trained.

    Raises:
        UserError: A layer is not ready. The message names it.
    """
    check_convertible(net)
    set_observing(net, False)
    set_fake_quant(net, True)
    for call in read_program(net).convs:
        layer = call.module
        layer.conv.weight.copy_(layer.weight_quant(layer.conv.weight))
        layer.conv.bias.copy_(layer.bias_quant(layer.conv.bias))
    for call in read_program(net).convs:
        call.module.weight_quant.frozen.fill_(True)


@torch.no_grad()
def integer_state(net: nn.Module) -> dict[str, Tensor]:
    """The integers of a network as named tensors on the CPU.

    Args:
        net: A network without BN, prepared and calibrated or trained, with power-of-two scales.

    Returns:
        `<layer>.weight` int8, `<layer>.bias` int32, `<layer>.weight_exponent`, `<layer>.conv_exponent` and `<layer>.output_exponent`
        int8.

    Raises:
        UserError: The network is not ready to be integers. The message names a layer.
    """
    check_convertible(net)
    state: dict[str, Tensor] = {}
    for call in rounding_calls(read_program(net)):
        integers = _layer_integers(call) if isinstance(call.module, ConvBNAct) else {}
        if call.module.act_quant is not None:
            integers["output_exponent"] = exponent_of(call.module.act_quant.scale).to(torch.int8)
        state |= {f"{call.name}.{key}": value.cpu().contiguous() for key, value in integers.items()}
    return state


def _layer_integers(call: Call) -> dict[str, Tensor]:
    """Of a convolution's weights and bias."""
    layer = call.module
    weight, bias, quant = layer.conv.weight, layer.conv.bias, layer.weight_quant
    quant.refresh(weight)
    own = {} if layer.conv_quant is None else {"conv_exponent": exponent_of(layer.conv_quant.scale).to(torch.int8)}
    return {"weight": to_integers(weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit).to(torch.int8),
            "bias": to_integers(bias, layer.bias_quant.accumulator.scale, -BIAS_LIMIT, BIAS_LIMIT).to(torch.int32),
            "weight_exponent": exponent_of(quant.scale).to(torch.int8), **own}


@torch.no_grad()
def load_integer_state(net: nn.Module, state: IntegerState) -> None:
    """Make a fresh float network the frozen fake-quant network of stored integers, in place.

    Args:
        net: A float network without quantizers.
        state: The integers (`integer_state`).

    Raises:
        UserError: Names, shapes, types or exponents do not fit the network.
    """
    program = read_program(net)
    rounding = rounding_calls(program)
    _check_names(state, rounding)
    for call in program.convs:
        call.module.drop_norms()
        call.module.conv.bias = nn.Parameter(torch.zeros(call.module.conv.out_channels))
    prepare(net, _stored_qconfigs(program, state))
    for call in program.convs:
        layer = call.module
        weight_scale = torch.exp2(state[f"{call.name}.weight_exponent"].float())
        layer.weight_quant.scale.copy_(weight_scale)
        layer.weight_quant.frozen.fill_(True)
    for call in rounding:
        if call.module.act_quant is not None:
            call.module.act_quant.scale.fill_(2.0 ** int(state[f"{call.name}.output_exponent"]))
        if isinstance(call.module, ConvBNAct) and call.module.conv_quant is not None:
            call.module.conv_quant.scale.fill_(2.0 ** int(state[f"{call.name}.conv_exponent"]))
    for call in program.convs:  # once every scale is there
        conv, scale = call.module.conv, call.module.bias_quant.accumulator
        conv.weight.copy_(state[f"{call.name}.weight"] * scale.weight.scale.view(-1, 1, 1, 1))
        conv.bias.copy_(state[f"{call.name}.bias"] * scale.scale)
    set_fake_quant(net, True)


def _stored_qconfigs(program: Program, state: IntegerState) -> QConfigMap:
    """What is rounded in each node."""
    nodes = {node_of(call.name) for call in program.convs}
    heads = {node_of(call.name) for call in program.convs
             if call.module.output == "accumulator" and f"{call.name}.output_exponent" in state}
    sums = _nodes_with_rounded_sums(program.convs, state)
    return QConfigMap(overrides={node: QConfig(head_output="quantized" if node in heads else "accumulator",
                                               skip_sum="quantized" if node in sums else "accumulator") for node in nodes})


def _nodes_with_rounded_sums(calls: Iterable[Call], state: IntegerState) -> set[str]:
    return {node_of(call.name) for call in calls if call.skip is not None and f"{call.name}.conv_exponent" in state}


def _check_names(state: IntegerState, rounding: Sequence[Call]) -> None:
    layers = {call.name: call.module for call in rounding}
    convs = {name: layer for name, layer in layers.items() if isinstance(layer, ConvBNAct)}
    wanted = {f"{name}.{key}" for name in convs for key in ("weight", "bias", "weight_exponent")}
    wanted |= {f"{name}.output_exponent" for name in layers if name not in convs or convs[name].output == "quantized"}
    sums = _nodes_with_rounded_sums(rounding, state)
    wanted |= {f"{call.name}.conv_exponent" for call in rounding if call.skip is not None and node_of(call.name) in sums}
    if missing := sorted(wanted - set(state)):
        raise UserError(f"the file has no '{missing[0]}' ({len(missing)} tensors missing): it is of another network")
    allowed = wanted | {f"{name}.output_exponent" for name in layers}
    if extra := sorted(set(state) - allowed):
        raise UserError(f"the file's '{extra[0]}' is not a part of this network ({len(extra)} such tensors)")
    for name in layers.keys() - convs.keys():
        _check_integers(f"{name}.output_exponent", state[f"{name}.output_exponent"], torch.int8, ())
    for name, layer in convs.items():
        have, want = tuple(state[f"{name}.weight"].shape), tuple(layer.conv.weight.shape)
        if have != want:
            raise UserError(f"'{name}.weight' has the shape {have} in the file and {want} in this network")
        for key, dtype in DTYPES.items():
            if f"{name}.{key}" in state:
                _check_integers(f"{name}.{key}", state[f"{name}.{key}"], dtype, () if key in OF_MAPS else want[:1])


def _check_integers(name: str, value: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    if value.dtype != dtype:
        raise UserError(f"'{name}' has type {value.dtype}, expected {dtype}: the file was changed; use another one")
    if name.endswith(".weight"):
        return
    if tuple(value.shape) != shape:
        raise UserError(f"'{name}' has the shape {tuple(value.shape)} in the file and {shape} in this network")
    if name.endswith("exponent") and not bool(((value >= EXPONENTS[0]) & (value <= EXPONENTS[1])).all()):
        raise UserError(f"'{name}' holds exponents beyond {EXPONENTS[0]}..{EXPONENTS[1]}, which no network has: the file was changed; "
                        "use another one")
