"""A convolution as ONNX: int8 weights and int32 biases as initializers, standard QuantizeLinear and DequantizeLinear around them."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mtzoo.layers.writer import Value, Writer, to_numpy
from mtzoo.ops.fixed_point import to_integers

if TYPE_CHECKING:
    from mtzoo.layers.conv import ConvBNAct

BN_PARTS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
"""Name in a file -> in nn.BatchNorm2d."""


def emit_conv(writer: Writer, name: str, layer: "ConvBNAct", source: str, skip: str | None = None) -> Value:
    """The convolution, its BN if it is live, skip, activation and rounding; the convolution itself is called "<name>.conv"."""
    b, conv = writer.builder, layer.conv
    inputs = [writer.as_float(source), _weight(writer, name, layer)]
    if conv.bias is not None:
        inputs.append(_bias(writer, name, layer))
    y = b.op("Conv", inputs, f"{name}.conv", {"kernel_shape": conv.kernel_size, "pads": layer.pads, "strides": conv.stride,
                                              "dilations": conv.dilation, "group": conv.groups})
    if layer.bn is not None:
        stored = [b.initializer(f"{name}.bn_{key}", to_numpy(getattr(layer.bn, part))) for key, part in BN_PARTS.items()]
        y = b.op("BatchNormalization", [y, *stored], attributes={"epsilon": layer.bn.eps})
    if skip is not None:
        y = b.op("Add", [y, writer.as_float(skip)])
    return writer.rounded(name, layer.emit_activation(writer, y), layer.act_quant)


def _weight(writer: Writer, name: str, layer: "ConvBNAct") -> str:
    weight, quant = layer.conv.weight, layer.weight_quant
    if quant is None:
        return writer.builder.initializer(f"{name}.weight", to_numpy(weight))
    quant.refresh(weight)
    integers = to_integers(weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit)
    if not writer.quantized:
        return writer.builder.initializer(f"{name}.weight", to_numpy(integers * quant.scale.view(-1, 1, 1, 1)))
    return _dequantized(writer, f"{name}.weight", integers.to(torch.int8 if quant.limit < 2**7 else torch.int16), quant.scale)


def _bias(writer: Writer, name: str, layer: "ConvBNAct") -> str:
    bias, quant = layer.conv.bias, layer.bias_quant
    if quant is None or not writer.quantized:
        return writer.builder.initializer(f"{name}.bias", to_numpy(bias))
    scale, limit = quant.accumulator.scale, quant.accumulator.bias_limit
    return _dequantized(writer, f"{name}.bias", to_integers(bias, scale, -limit, limit).to(torch.int32), scale)


def _dequantized(writer: Writer, name: str, integers: Tensor, scale: Tensor) -> str:
    b = writer.builder
    stored = [b.initializer(name, to_numpy(integers)), b.initializer(f"{name}_scale", to_numpy(scale))]
    return b.op("DequantizeLinear", stored, attributes={"axis": 0})
