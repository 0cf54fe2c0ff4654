"""Stored integer weights as the floats they stand for: a load-time form for runtimes that compute the integers wrongly."""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper


def bake_weights(model: onnx.ModelProto, names: Collection[str]) -> onnx.ModelProto:
    """`model`, or a copy of it in which the DequantizeLinear of each stored weight in `names` is a float32 constant.

    Weights are (C_out, ...) with a scale for each output or one for all, as mtzoo writes them.
    """
    if not names:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tensors, nodes = {tensor.name: tensor for tensor in copy.graph.initializer}, []
    for node in copy.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in names:
            scale = numpy_helper.to_array(tensors[node.input[1]])
            weight = numpy_helper.to_array(tensors[node.input[0]]).astype(np.float32)
            value = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))  # the scale is that of the first axis
            copy.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        else:
            nodes.append(node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    left = [tensor for tensor in copy.graph.initializer if tensor.name in read]  # unread ones would only be warned of
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(left)
    return copy
