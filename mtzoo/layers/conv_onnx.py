"""A convolution as ONNX: int8 weights and int32 biases as initializers, standard QuantizeLinear and DequantizeLinear around them."""

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mtzoo.layers.writer import Attribute, Value, Writer, to_numpy, whole_times_scale
from mtzoo.ops.exact import is_power_of_two
from mtzoo.ops.fixed_point import to_integers

if TYPE_CHECKING:
    from mtzoo.layers.conv import ConvBNAct

BN_PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
"""Name in a file -> in nn.BatchNorm2d."""


def emit_conv(writer: Writer, name: str, layer: "ConvBNAct", source: str, skip: str | None = None) -> Value:
    """The convolution, its BN if it is live, skip, activation and rounding; the convolution itself is called "<name>.conv"."""
    b, conv = writer.builder, layer.conv
    if layer.weight_quant is not None:
        layer.weight_quant.refresh(conv.weight)
    parts = layer.weight_quant.parts if writer.quantized and layer.weight_quant is not None else None
    if parts is not None:
        y = _in_parts(writer, name, layer, source)
    else:
        inputs = [writer.as_float(source), _weight(writer, name, layer), *_bias(writer, name, layer)]
        y = b.op("Conv", inputs, f"{name}.conv", _attributes(layer))
    if layer.bn is not None:
        stored = [b.initializer(f"{name}.bn_{key}", to_numpy(getattr(layer.bn, part))) for key, part in BN_PARTS.items()]
        y = b.op("BatchNormalization", [y, *stored], attributes={"epsilon": layer.bn.eps})
    if skip is not None:
        y = _plus(writer, name, layer, y, skip, whole=parts is not None)
    y = layer.emit_activation(writer, y)
    if writer.quantized and layer.act_quant is not None and _has_one_bias(layer):
        y = _in_whole_steps(writer, y, float(layer.act_quant.scale))
    return writer.rounded(name, y, layer.act_quant)


def _plus(writer: Writer, name: str, layer: "ConvBNAct", y: str, skip: str, *, whole: bool) -> str:
    """The sum with the skip, `y` rounded before where the layer rounds it. whole: write the skip without DequantizeLinear."""
    add = partial(writer.builder.op, "Add")
    if layer.conv_quant is not None and writer.quantized:
        own = writer.rounded(f"{name}.conv", y, layer.conv_quant)
        return add([whole_times_scale(writer, own), whole_times_scale(writer, writer.value(skip))])
    return add([y, whole_times_scale(writer, writer.value(skip)) if whole else writer.as_float(skip)])


def _has_one_bias(layer: "ConvBNAct") -> bool:
    """Whether all outputs, of which there may be one, have the same bias, and that is not 0."""
    if layer.conv.bias is None or layer.bias_quant is None:
        return False
    scale, limit = layer.bias_quant.accumulator.scale, layer.bias_quant.accumulator.bias_limit
    bias = to_integers(layer.conv.bias, scale, -limit, limit) * scale
    return bool((bias == bias[0]).all() and bias[0] != 0)


def _in_whole_steps(writer: Writer, y: str, step: float) -> str:
    """Rounded to whole steps of the output's scale, by operators of their own; as it is where that is no power of two.

    OpenVINO 2026.4 makes such a bias a part of the QuantizeLinear behind it, in float32 that does not hold it: halves were rounded
    down, and some values beside them.
    """
    b = writer.builder
    if not is_power_of_two(step):
        return y
    return b.op("Mul", [b.op("Round", [b.op("Mul", [y, b.float(1 / step)])]), b.float(step)])


def _attributes(layer: "ConvBNAct") -> dict[str, Attribute]:
    conv = layer.conv
    return {"kernel_shape": conv.kernel_size, "pads": layer.pads, "strides": conv.stride, "dilations": conv.dilation,
            "group": conv.groups}


def _in_parts(writer: Writer, name: str, layer: "ConvBNAct", source: str) -> str:
    """The sum of a layer too wide for one exact sum, see `mtzoo.ops.parts`. Weights are stored part by part."""
    b, quant, value = writer.builder, layer.weight_quant, writer.value(source)
    integers = to_integers(layer.conv.weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit).to(torch.int8)
    step = quant.accumulator.scale.view(1, -1, 1, 1) * 2.0**quant.parts.shift
    scale, total = b.initializer(f"{name}.weight_scale", to_numpy(quant.scale)), ""
    for i, (first, end) in enumerate(quant.parts.ranges):
        x = b.op("Slice", [value.tensor, b.integers(first), b.integers(end), b.integers(1)])
        x = b.op("DequantizeLinear", [x, value.scale, value.zero_point])
        weight = b.initializer(part_name(f"{name}.weight", i), to_numpy(integers[:, first:end]))
        weight = b.op("DequantizeLinear", [weight, scale], attributes={"axis": 0})
        bias = _bias(writer, name, layer) if i == 0 else []
        y = b.op("Conv", [x, weight, *bias], part_name(f"{name}.conv", i), _attributes(layer))
        y = b.op("Round", [b.op("Mul", [y, b.constant(to_numpy(1 / step))])])
        total = y if i == 0 else b.op("Add", [total, y])
    return b.op("Mul", [total, b.constant(to_numpy(step))])


def part_name(name: str, index: int) -> str:
    """Of a part's tensor: the first has the layer's own name."""
    return name if index == 0 else f"{name}#{index + 1}"


def _weight(writer: Writer, name: str, layer: "ConvBNAct") -> str:
    weight, quant = layer.conv.weight, layer.weight_quant
    if quant is None:
        return writer.builder.initializer(f"{name}.weight", to_numpy(weight))
    integers = to_integers(weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit)
    if not writer.quantized:
        return writer.builder.initializer(f"{name}.weight", to_numpy(integers * quant.scale.view(-1, 1, 1, 1)))
    return _dequantized(writer, f"{name}.weight", integers.to(torch.int8 if quant.limit < 2**7 else torch.int16), quant.scale)


def _bias(writer: Writer, name: str, layer: "ConvBNAct") -> list[str]:
    """The bias, if there is one."""
    bias, quant = layer.conv.bias, layer.bias_quant
    if bias is None:
        return []
    if quant is None or not writer.quantized:
        return [writer.builder.initializer(f"{name}.bias", to_numpy(bias))]
    scale, limit = quant.accumulator.scale, quant.accumulator.bias_limit
    return [_dequantized(writer, f"{name}.bias", to_integers(bias, scale, -limit, limit).to(torch.int32), scale)]


def _dequantized(writer: Writer, name: str, integers: Tensor, scale: Tensor) -> str:
    b = writer.builder
    stored = [b.initializer(name, to_numpy(integers)), b.initializer(f"{name}_scale", to_numpy(scale))]
    return b.op("DequantizeLinear", stored, attributes={"axis": 0})
