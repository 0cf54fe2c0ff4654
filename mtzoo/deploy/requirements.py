"""What a deploy model asks of the processor."""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

SAFE_WEIGHT = 64  # 255 * 64 * 2 = 32640 fits into 16 bits with a sign
WIDE_SUMS = "u8s8-dot-product-32bit"
"""Products of uint8 and int8 have to be summed in 32 bits. x86 without VNNI sums pairs of them in 16 bits, which saturate."""
FLOAT_MAPS = "float32-maps"
"""Some results are written as float32 before they are rounded: sums that leave their convolution, means, products, enlarged maps. So
the runtime must not compute in bf16 or fp16."""
WITHIN_KERNEL = ("Relu", "Clip", "Mul", "Round")
"""What runtimes do to a sum before the convolution writes it."""
OF_MORE_BITS = ("MatMul", "ReduceSum", "ReduceMean", "AveragePool", "GlobalAveragePool")
"""Operators that make results of more than 8 bits of maps that have 8. Linear Resize and products of two maps do so, too. Sums of two
maps stay exact where they were measured."""


def largest_weights(model: onnx.ModelProto) -> dict[str, int]:
    """Name -> largest absolute value of every stored int8 weight of a convolution."""
    stored = [t for t in model.graph.initializer if t.data_type == TensorProto.INT8 and len(t.dims) == 4]
    return {t.name: int(np.abs(numpy_helper.to_array(t).astype(np.int16)).max(initial=0)) for t in stored}


def unsafe_weights(model: onnx.ModelProto) -> set[str]:
    """Names of the stored int8 weights of the layers that kernels without wide sums get wrong: large ones, whose sums could saturate,
    and odd ones that meet int8 (see `_halved`)."""
    return {name for name, largest in largest_weights(model).items() if largest > SAFE_WEIGHT} | _halved(model)


def _halved(model: onnx.ModelProto) -> set[str]:
    """Names of the stored int8 weights that lose a bit where OpenVINO's maps are int8.

    Its int8 x int8 kernels without wide sums halve the weights. Most signed maps it turns to uint8, but not one that is read as the
    integers that it is, or comes from an operator that only moves integers.
    """
    tensors = {t.name: t for t in model.graph.initializer}
    dequantized = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    made_by = {output: node.op_type for node in model.graph.node for output in node.output}
    moved = {name for node in model.graph.node if node.op_type != "DequantizeLinear" for name in node.input}
    found = set()
    for node in model.graph.node:
        if node.op_type != "Conv" or not all(name in dequantized for name in node.input[:2]):
            continue
        source, weight = (dequantized[name].input for name in node.input[:2])
        signed = len(source) > 2 and tensors[source[2]].data_type == TensorProto.INT8
        stays = source[0] in moved or made_by.get(source[0]) != "QuantizeLinear"
        stored = tensors.get(weight[0])
        if signed and stays and stored is not None and (numpy_helper.to_array(stored) % 2).any():
            found.add(stored.name)
    return found


def weight_bits(model: onnx.ModelProto) -> int | None:
    """The fewest bits that hold every int8 weight; None if there is none."""
    return max((largest.bit_length() + 1 for largest in largest_weights(model).values()), default=None)


def requirements(model: onnx.ModelProto) -> tuple[str, ...]:
    """What a runtime must be able to do to compute the model in int8 as it is."""
    return (*((WIDE_SUMS,) if unsafe_weights(model) else ()), *((FLOAT_MAPS,) if float_results(model) else ()))


def float_results(model: onnx.ModelProto) -> list[str]:
    """The outputs of operators whose results are not integers of 8 bits at once. In float16 and bfloat16 these are not exact."""
    stored = {tensor.name for tensor in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def rounded(name: str) -> bool:
        return bool(readers.get(name)) and all(
            node.op_type == "QuantizeLinear" or node.op_type in WITHIN_KERNEL and rounded(node.output[0]) for node in readers[name])

    rounded_later = set()  # names of what reaches a QuantizeLinear as a float
    for node in reversed(model.graph.node):
        passed = node.op_type in (*WITHIN_KERNEL, *OF_MORE_BITS, "Add") and node.output[0] in rounded_later
        if passed or node.op_type == "QuantizeLinear":
            rounded_later.update(node.input)
    return [node.output[0] for node in model.graph.node
            if node.op_type == "Conv" and not rounded(node.output[0])
            or _has_more_bits(node, stored) and node.output[0] in rounded_later]


def _has_more_bits(node: onnx.NodeProto, stored: set[str]) -> bool:
    """stored: names of constants."""
    if node.op_type == "Resize":
        return any(attribute.name == "mode" and attribute.s == b"linear" for attribute in node.attribute)
    return node.op_type in OF_MORE_BITS or node.op_type == "Mul" and not stored & set(node.input)
