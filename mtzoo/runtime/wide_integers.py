"""Load-time form of a deploy model with 16-bit integers for OpenVINO: the same rounding, written in float operators.

OpenVINO (2026.4) takes QuantizeLinear of 16 bits to pieces instead of running it: it neither rounds nor clamps, and the results
are thousands of steps off; some graphs do not compile. Divide, Round, Clip and Mul it runs as they are. ONNX Runtime needs none of
this.
"""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from mtzoo.runtime.baked import bake_weights

WIDE_TYPES = (TensorProto.INT16, TensorProto.UINT16)


def wide_integers_as_floats(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it in which no 16-bit integers are left. They occur as mtzoo writes them: stored weights, and
    QuantizeLinear with DequantizeLinear behind it."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    wide = {name for name, tensor in tensors.items() if tensor.data_type in WIDE_TYPES}
    if not wide:
        return model
    copy = onnx.ModelProto()
    copy.CopyFrom(bake_weights(model, wide))
    nodes: list[NodeProto] = []
    for node in copy.graph.node:
        if node.op_type == "QuantizeLinear" and node.input[2] in wide:
            low, high = _ends(numpy_helper.to_array(tensors[node.input[2]]))
            names = {end: f"{node.output[0]}.{end}" for end in ("low", "high")}
            copy.graph.initializer.extend(numpy_helper.from_array(np.float32(value), names[end])
                                          for end, value in (("low", low), ("high", high)))
            nodes += _chain(node, names["low"], names["high"])
        elif node.op_type == "DequantizeLinear" and len(node.input) > 2 and node.input[2] in wide:
            nodes.append(helper.make_node("Mul", list(node.input[:2]), list(node.output)))
        else:
            nodes.append(node)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _ends(zero_point: np.ndarray) -> tuple[int, int]:
    """The smallest and largest integers, counted from the zero point."""
    limits, zero = np.iinfo(zero_point.dtype), int(zero_point)
    return limits.min - zero, limits.max - zero


def _chain(node: NodeProto, low: str, high: str) -> list[NodeProto]:
    """round(x / scale), clamped, under the name of the integers."""
    steps, rounded = f"{node.output[0]}.steps", f"{node.output[0]}.rounded"
    return [helper.make_node("Div", list(node.input[:2]), [steps]), helper.make_node("Round", [steps], [rounded]),
            helper.make_node("Clip", [rounded, low, high], list(node.output))]
