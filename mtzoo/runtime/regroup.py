"""Load-time form of a deploy model for x86 CPUs with matrix units: the same integers, arranged for the kernels there are.

A 3x3 group convolution with 8 channels per group leaves most of an int8 matrix tile empty. Two groups side by side, with
zeros where they do not meet, are the same function and run faster; measured in docs/deploy_measured.md. The file keeps the small
form: zeros are not worth bytes. Depthwise convolutions have kernels of their own, which are faster than any wider form.
"""

import numpy as np
import onnx
from onnx import numpy_helper

CHANNELS_PER_GROUP = 16  # 32 and 64 were slower on every layer shape but two


def widen_groups(weight: np.ndarray, groups: int, channels: int) -> tuple[np.ndarray, int]:
    """Block-diagonal form of a group convolution's weight (C_out, C_in / groups, kh, kw), and its number of groups.

    Neighbouring groups are joined until each has `channels` inputs, or as near below as the number of groups divides.
    """
    c_out, per_group, kh, kw = weight.shape
    joined = min(max(1, channels // per_group), groups)
    while groups % joined:
        joined -= 1
    if joined == 1:
        return weight, groups
    out_per_group = c_out // groups
    wide = np.zeros((c_out, joined, per_group, kh, kw), dtype=weight.dtype)
    block = np.arange(c_out) // out_per_group % joined  # the place of a channel's own group within the joined one
    wide[np.arange(c_out), block] = weight
    return wide.reshape(c_out, joined * per_group, kh, kw), groups // joined


def regroup(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose int8 group convolutions, depthwise ones apart, have up to CHANNELS_PER_GROUP inputs per group."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tensors = {tensor.name: tensor for tensor in copy.graph.initializer}
    dequantized = {node.output[0]: node.input[0] for node in copy.graph.node if node.op_type == "DequantizeLinear"}
    eight_bits = {node.output[0] for node in copy.graph.node if node.op_type == "DequantizeLinear" and len(node.input) > 2
                  and tensors[node.input[2]].data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)}
    for node in copy.graph.node:
        if node.op_type != "Conv":
            continue
        group = next((attribute for attribute in node.attribute if attribute.name == "group"), None)
        stored = tensors.get(dequantized.get(node.input[1], ""))
        if group is None or group.i == 1 or stored is None or stored.data_type != onnx.TensorProto.INT8:
            continue
        if stored.dims[1] == 1:  # depthwise
            continue
        if node.input[0] not in eight_bits:  # runs in float, where the zeros would only cost
            continue
        weight, group.i = widen_groups(numpy_helper.to_array(stored), group.i, CHANNELS_PER_GROUP)
        stored.CopyFrom(numpy_helper.from_array(weight, stored.name))
    return copy
