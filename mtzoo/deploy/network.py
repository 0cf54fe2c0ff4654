"""The network as ONNX: every leaf writes itself, so that what is written is what the layers say.

Quantized form: int8 weights and int32 biases as initializers, standard QuantizeLinear and DequantizeLinear around them.
Leaves that only move integers do so in 8 bits. Of the equal forms this is the one OpenVINO runs fastest (docs/deploy.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.image import NHWC_TO_NCHW
from mtzoo.deploy.labels import Logits
from mtzoo.graph import IMAGES, Call, read_program
from mtzoo.graph.shapes import Shape
from mtzoo.layers.rearrange import PixelShuffle
from mtzoo.layers.writer import Value, to_numpy
from mtzoo.models import MultiTaskNet
from mtzoo.ops.exact import is_power_of_two
from mtzoo.quantization.fake_quant import ActFakeQuant, AsymmetricFakeQuant


class NetworkWriter:
    """Writes a network's calls into a builder; `mtzoo.layers.writer.Writer` for its leaves.

    shapes: of all results; quantized: with its quantizers, else the float network they stand on; nhwc: how the image lies in memory.
    """

    def __init__(self, builder: GraphBuilder, shapes: Mapping[str, Shape], image: str, *, quantized: bool, nhwc: bool = False) -> None:
        self.builder, self.shapes, self.quantized = builder, shapes, quantized
        self.nhwc = image if nhwc and quantized else None
        """The image, if it is transposed no sooner than as floats."""
        if nhwc and not quantized:
            image = self._image_nchw(image)
        self.values = {IMAGES: Value(image)}

    def write(self, call: Call) -> None:
        """Append the nodes of one leaf."""
        self.values[call.name] = call.module.emit(self, call.name, call.reads)

    def value(self, read: str) -> Value:
        value = self.values[read]
        if read == IMAGES or value.tensor != self.nhwc:
            return value
        self.values[read] = value.moved(self._image_nchw(value.tensor))  # its integers are moved, not computed with
        return self.values[read]

    def as_float(self, read: str) -> str:
        """A result as float tensor."""
        value = self.values[read]
        if value.scale is None:
            return value.tensor
        floats = self.builder.op("DequantizeLinear", [value.tensor, value.scale, value.zero_point])
        return self.builder.op("Transpose", [floats], attributes=NHWC_TO_NCHW) if value.tensor == self.nhwc else floats

    def _image_nchw(self, image: str) -> str:
        return self.builder.op("Transpose", [image], "image.nchw", NHWC_TO_NCHW)

    def rounded(self, name: str, y: str, quantizer: ActFakeQuant | None) -> Value:
        """Integers of 8 bits move on as such. Those of 16 are floats again at once: ONNX Runtime resizes no 16-bit integers."""
        if quantizer is None or not self.quantized:
            return Value(y)
        grid = self._constants(name, quantizer)
        integers = self.builder.op("QuantizeLinear", [y, grid.scale, grid.zero_point])
        if quantizer.bits == 8:
            return grid.moved(integers)
        return Value(self.builder.op("DequantizeLinear", [integers, grid.scale, grid.zero_point]))

    def grid(self, name: str, quantizer: ActFakeQuant) -> Value | None:
        return self._constants(name, quantizer) if quantizer.bits == 8 else None

    def shape(self, read: str) -> tuple[int, ...]:
        return self.shapes[read]

    def _constants(self, name: str, quantizer: ActFakeQuant) -> Value:
        scale = self.builder.initializer(f"{name}.output_scale", to_numpy(quantizer.scale))
        zero = stored_zero_point(quantizer)
        return Value("", scale, self.builder.constant(zero), (float(quantizer.scale), quantizer.low), int(zero))


def stored_zero_point(quant: ActFakeQuant) -> np.generic:
    """The stored integer that means 0, in the type that integers of this quantizer are stored in."""
    symmetric_signed = quant.signed and not isinstance(quant, AsymmetricFakeQuant)
    stored = {(8, True): np.int8, (8, False): np.uint8, (16, True): np.int16, (16, False): np.uint16}[quant.bits, symmetric_signed]
    return stored(0 if symmetric_signed else -quant.low)


@dataclass(frozen=True)
class NetworkMaps:
    """floats: "det_person.cls_s8" -> float tensor of that name; integers: those of 8 bits, as they are before they become floats, and
    before a PixelShuffle."""

    floats: dict[str, str]
    integers: dict[str, Logits]


@torch.no_grad()
def emit_network(builder: GraphBuilder, net: MultiTaskNet, image: str, shapes: Mapping[str, Shape], *,
                 quantized: bool, nhwc: bool = False) -> NetworkMaps:
    """Write `net` reading the uint8 tensor `image` (N, 3, H, W) BGR.

    shapes: of `result_shapes`; nhwc: `image` is (N, H, W, 3). With quantized=False a prepared network is written as plain floats
    (weights on their grids, activations unrounded): what float runtimes are measured on.
    """
    program = read_program(net)
    writer = NetworkWriter(builder, shapes, image, quantized=quantized, nhwc=nhwc)
    for call in program.calls:
        writer.write(call)
    maps, calls = NetworkMaps({}, {}), {call.name: call for call in program.calls}
    for task, outputs in program.outputs.items():
        for output, source in outputs.items():
            name = f"{task}.{output}"
            maps.floats[name] = builder.op("Identity", [writer.as_float(source)], name)
            if writer.value(source).scale is not None:
                maps.integers[name] = _before_shuffle(writer, calls[source])
    return maps


def _before_shuffle(writer: NetworkWriter, call: Call) -> Logits:
    """The integers of a result, those in front of it where it is a PixelShuffle."""
    factor, read = (call.module.factor, call.reads[0]) if isinstance(call.module, PixelShuffle) else (1, call.name)
    scale, _ = writer.value(read).grid
    return Logits(writer.value(read).tensor, writer.shape(read), factor, scale if is_power_of_two(scale) else None)
