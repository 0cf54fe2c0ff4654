"""The image inputs of a deploy model as ONNX: whatever format they have, the network behind reads uint8 BGR."""

import numpy as np
from onnx import TensorProto

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.ops.color import (
    CHROMA_ZERO,
    FRACTION_BITS,
    IMAGE,
    IMAGE_UV,
    IMAGE_Y,
    YUV_TO_BGR,
    InputFormat,
    Layout,
    input_shapes,
)

NHWC_TO_NCHW = {"perm": [0, 3, 1, 2]}


def emit_image(builder: GraphBuilder, kind: InputFormat, input_hw: tuple[int, int], layout: Layout = "nchw", images: int = 1) -> str:
    """Add the image inputs of a format. Returns a uint8 tensor in BGR, equal to `mtzoo.ops.color.decode`: (N, 3, H, W), or (N, H, W, 3)
    of an image that `stays_nhwc`."""
    for name, shape in input_shapes(kind, input_hw, layout, images).items():
        builder.add_input(name, np.uint8, shape)
    if kind == "rgb":
        return builder.op("Gather", [IMAGE, builder.integers(2, 1, 0)], "image.bgr", {"axis": 1 if layout == "nchw" else 3})
    if kind == "yuv444":
        return _yuv_to_bgr(builder, IMAGE if layout == "nchw" else builder.op("Transpose", [IMAGE], "image.nchw", NHWC_TO_NCHW))
    if kind == "nv12":
        chroma = builder.op("Transpose", [IMAGE_UV], "image.uv", {"perm": [0, 3, 1, 2]})
        chroma = builder.upsample_nearest(chroma, 2, "image.uv_full")
        return _yuv_to_bgr(builder, builder.op("Concat", [IMAGE_Y, chroma], "image.yuv", {"axis": 1}))
    return IMAGE


def stays_nhwc(kind: InputFormat, layout: Layout) -> bool:
    """Whether `emit_image` leaves the image pixel by pixel: OpenVINO computes the first convolution in int8 only where the image is
    dequantized before it is transposed."""
    return layout == "nhwc" and kind in ("bgr", "rgb")


def _yuv_to_bgr(b: GraphBuilder, yuv: str) -> str:
    """A 1x1 convolution with dyadic weights, whose float32 sums are exact; QuantizeLinear rounds half to even and clips."""
    matrix = YUV_TO_BGR / 2**FRACTION_BITS
    weight = b.constant(matrix.reshape(3, 3, 1, 1).astype(np.float32))
    bias = b.constant((-CHROMA_ZERO * matrix[:, 1:].sum(axis=1)).astype(np.float32))
    floats = b.op("Cast", [yuv], "image.yuv_float", {"to": TensorProto.FLOAT})
    bgr = b.op("Conv", [floats, weight, bias], "image.bgr_float", {"kernel_shape": [1, 1]})
    return b.op("QuantizeLinear", [bgr, b.float(1.0), b.constant(np.uint8(0))], "image.bgr")
