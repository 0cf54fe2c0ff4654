"""Post-processing of a classification task as ONNX: logits -> class of the image. Equal to `mtzoo.postprocess.classify`."""

import numpy as np
from onnx import TensorProto

from mtzoo.deploy.builder import GraphBuilder, Scope


def emit_image_class(builder: GraphBuilder, task: str, logits: str, shape: tuple[int, ...]) -> str:
    """Write "<task>.class", (N,) int32: the largest of `logits`, which have `shape` (N, K, 1, 1), the lowest class among equals.

    The logits are an output, too. Returns the name.
    """
    name, (images, classes) = f"{task}.class", shape[:2]
    b = Scope(builder, name)
    rows = b.op("Reshape", [logits, b.integers(images, classes)], "rows")
    best = b.op("ArgMax", [rows], "best", axis=1, keepdims=0)
    builder.op("Cast", [best], name, {"to": TensorProto.INT32})
    builder.add_output(name, np.int32, (images,))
    if logits not in (output.name for output in builder.outputs):
        builder.add_output(logits, np.float32, shape)
    return name
