"""The network as ONNX: one rule for each leaf of `mtzoo.layers`, so that what is written is what the layers say.

Quantized form: int8 weights and int32 biases as initializers, standard QuantizeLinear and DequantizeLinear around them.
Upsampling and concatenation move 8-bit integers. Of the equal forms this is the one OpenVINO runs fastest (docs/deploy.md).
"""

from dataclasses import dataclass

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor

from mtzoo.export.builder import GraphBuilder
from mtzoo.layers import Concat, ConvBNAct, ImageQuant, UpsampleNearest2x
from mtzoo.models import MultiTaskNet
from mtzoo.ops.fixed_point import to_integers
from mtzoo.quantization import read_program
from mtzoo.quantization.fake_quant import ActFakeQuant, AsymmetricFakeQuant
from mtzoo.quantization.graph import IMAGES, Call, missing_rule

IMAGE_ZERO = 128


@dataclass(frozen=True)
class Value:
    """A result: `tensor` holds floats, or 8-bit integers of one grid: float = (tensor - zero_point) * scale.

    scale, zero_point: names of constants, None for floats; grid: (scale, smallest integer), what makes two of them one.
    """

    tensor: str
    scale: str | None = None
    zero_point: str | None = None
    grid: tuple[float, int] | None = None


class NetworkEmitter:
    """Writes a network's calls into a builder. quantized: with its quantizers, else the float network they stand on."""

    def __init__(self, builder: GraphBuilder, *, quantized: bool) -> None:
        self.builder, self.quantized = builder, quantized
        self.values: dict[str, Value] = {}
        self.floats: dict[str, str] = {}

    def emit(self, call: Call) -> None:
        """Append the nodes of one leaf."""
        module = call.module
        if isinstance(module, ImageQuant):
            value = self._image(call)
        elif isinstance(module, ConvBNAct):
            value = self._conv(call, module)
        elif isinstance(module, Concat):
            value = self._concat(call)
        elif isinstance(module, UpsampleNearest2x):
            source = self.values[call.inputs[0]]
            value = Value(self.builder.upsample_nearest_2x(source.tensor, call.name), source.scale, source.zero_point, source.grid)
        else:
            raise missing_rule(call.name, type(module), "ONNX", "mtzoo/export/network.py")
        self.values[call.name] = value

    def as_float(self, name: str) -> str:
        """A result as float tensor; dequantized once, however many read it."""
        value = self.values[name]
        if value.scale is None:
            return value.tensor
        if name not in self.floats:
            self.floats[name] = self.builder.op("DequantizeLinear", [value.tensor, value.scale, value.zero_point])
        return self.floats[name]

    def _image(self, call: Call) -> Value:
        b, image, scale = self.builder, self.values[call.inputs[0]].tensor, 2.0**ImageQuant.exponent
        if self.quantized:  # one operator subtracts 128 and scales: the integers go straight into the first convolution
            return Value(image, b.float(scale), b.constant(np.uint8(IMAGE_ZERO)), (scale, -IMAGE_ZERO))
        x = b.op("Cast", [image], attributes={"to": TensorProto.FLOAT})
        return Value(b.op("Mul", [b.op("Sub", [x, b.float(IMAGE_ZERO)]), b.float(scale)]))

    def _concat(self, call: Call) -> Value:
        """Inputs on one grid as the integers they are. With layers left in float they may be on several: then all as floats."""
        sources = [self.values[name] for name in call.inputs]
        if len({source.grid for source in sources}) > 1:
            return Value(self.builder.op("Concat", [self.as_float(name) for name in call.inputs], call.name, {"axis": 1}))
        tensor = self.builder.op("Concat", [source.tensor for source in sources], call.name, {"axis": 1})
        return Value(tensor, sources[0].scale, sources[0].zero_point, sources[0].grid)

    def _conv(self, call: Call, layer: ConvBNAct) -> Value:
        b, name, conv = self.builder, call.name, layer.conv
        inputs = [self.as_float(call.inputs[0]), self._weight(name, layer)]
        if conv.bias is not None:
            inputs.append(self._bias(name, layer))
        pads = [*conv.padding, *conv.padding]
        y = b.op("Conv", inputs, f"{name}.conv", {"kernel_shape": conv.kernel_size, "pads": pads, "strides": conv.stride,
                                                  "dilations": conv.dilation, "group": conv.groups})
        if layer.bn is not None:
            bn = layer.bn
            parameters = (bn.weight, bn.bias, bn.running_mean, bn.running_var)
            keys = ("gamma", "beta", "mean", "var")
            stored = [b.initializer(f"{name}.bn_{key}", to_numpy(p)) for key, p in zip(keys, parameters)]
            y = b.op("BatchNormalization", [y, *stored], attributes={"epsilon": bn.eps})
        if call.skip is not None:
            y = b.op("Add", [y, self.as_float(call.skip)])
        if layer.relu:
            y = b.op("Relu", [y])
        if layer.act_quant is None or not self.quantized:
            return Value(y)
        return self._rounded(name, y, layer.act_quant)

    def _rounded(self, name: str, y: str, quant: ActFakeQuant) -> Value:
        """Integers of 8 bits move on as such. Those of 16 are floats again at once: ONNX Runtime resizes no 16-bit integers."""
        b, scale = self.builder, self.builder.initializer(f"{name}.output_scale", to_numpy(quant.scale))
        zero_point = b.constant(stored_zero_point(quant))
        integers = b.op("QuantizeLinear", [y, scale, zero_point])
        if quant.bits == 8:
            return Value(integers, scale, zero_point, (float(quant.scale), quant.low))
        return Value(b.op("DequantizeLinear", [integers, scale, zero_point]))

    def _weight(self, name: str, layer: ConvBNAct) -> str:
        b, weight, quant = self.builder, layer.conv.weight, layer.weight_quant
        if quant is None:
            return b.initializer(f"{name}.weight", to_numpy(weight))
        quant.refresh(weight)
        integers = to_integers(weight, quant.scale.view(-1, 1, 1, 1), -quant.limit, quant.limit)
        if not self.quantized:
            return b.initializer(f"{name}.weight", to_numpy(integers * quant.scale.view(-1, 1, 1, 1)))
        return self._dequantized(f"{name}.weight", integers.to(torch.int8 if quant.limit < 2**7 else torch.int16), quant.scale)

    def _bias(self, name: str, layer: ConvBNAct) -> str:
        bias, quant = layer.conv.bias, layer.bias_quant
        if quant is None or not self.quantized:
            return self.builder.initializer(f"{name}.bias", to_numpy(bias))
        scale, limit = quant.accumulator.scale, quant.accumulator.bias_limit
        return self._dequantized(f"{name}.bias", to_integers(bias, scale, -limit, limit).to(torch.int32), scale)

    def _dequantized(self, name: str, integers: Tensor, scale: Tensor) -> str:
        b = self.builder
        stored = [b.initializer(name, to_numpy(integers)), b.initializer(f"{name}_scale", to_numpy(scale))]
        return b.op("DequantizeLinear", stored, attributes={"axis": 0})


def stored_zero_point(quant: ActFakeQuant) -> np.generic:
    """The stored integer that means 0, in the type that integers of this quantizer are stored in."""
    symmetric_signed = quant.signed and not isinstance(quant, AsymmetricFakeQuant)
    stored = {(8, True): np.int8, (8, False): np.uint8, (16, True): np.int16, (16, False): np.uint16}[quant.bits, symmetric_signed]
    return stored(0 if symmetric_signed else -quant.low)


@torch.no_grad()
def emit_network(builder: GraphBuilder, net: MultiTaskNet, image: str, *, quantized: bool) -> dict[str, str]:
    """Write `net` reading the uint8 tensor `image` (N, 3, H, W) BGR. Returns {"det_person.cls_s8": float tensor}.

    With quantized=False a prepared network is written as plain floats (weights on their grids, activations unrounded):
    what float runtimes are measured on. The returned tensors carry the outputs' names.
    """
    program = read_program(net)
    emitter = NetworkEmitter(builder, quantized=quantized)
    emitter.values[IMAGES] = Value(image)
    for call in program.calls:
        emitter.emit(call)
    outputs = {}
    for task, maps in program.outputs.items():
        for output, source in maps.items():
            name = f"{task}.{output}"
            outputs[name] = builder.op("Identity", [emitter.as_float(source)], name)
    return outputs


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Detached, on the host, contiguous in the usual order."""
    return tensor.detach().cpu().contiguous().numpy()
