"""Load-time form for OpenVINO of layers in parts that add a skip: the skip's integers become floats by Cast, Round and Mul.

Behind DequantizeLinear, OpenVINO's low-precision passes (2026.4) move the skip's scale into the sum of the rounded parts, and where the
int8 kernels run (VNNI, AMX) some of ResNet-18's values came out one step off. They do not see through Round, which changes no integer.
"""

import onnx
from onnx import NodeProto, TensorProto, helper

from mtzoo.runtime.edit import GraphEdit


def plain_skips(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it in which no layer in parts adds a DequantizeLinear."""
    if not any(node.op_type == "Round" for node in model.graph.node):  # no layer in parts: nothing to copy
        return model
    edit = GraphEdit(model)
    found = [(add, i) for add in edit.nodes if add.op_type == "Add" for i in (0, 1)
             if _is_skip(edit, add.input[i]) and _is_sum_of_parts(edit, add.input[1 - i])]
    for add, i in found:
        skip = edit.made_by[add.input[i]]
        integers, scale, name = skip.input[0], skip.input[1], f"{add.output[0]}.skip"
        edit.insert_after(skip, [helper.make_node("Cast", [integers], [f"{name}.cast"], to=TensorProto.FLOAT),
                                 helper.make_node("Round", [f"{name}.cast"], [f"{name}.whole"]),
                                 helper.make_node("Mul", [f"{name}.whole", scale], [name])])
        add.input[i] = name
    return edit.finish() if found else model


def _is_skip(edit: GraphEdit, name: str) -> bool:
    """Integers of a map that count from 0, with one scale."""
    node = edit.made_by.get(name)
    if node is None or node.op_type != "DequantizeLinear" or node.input[0] in edit.stored:
        return False
    numbers = node.input[1:]
    return all(name in edit.stored and not edit.stored[name].dims for name in numbers) and not any(map(edit.value, numbers[1:]))


def _is_sum_of_parts(edit: GraphEdit, name: str) -> bool:
    """Mul(Add(..., Round(...)), scale)."""
    scaled = edit.made_by.get(name)
    total = edit.made_by.get(scaled.input[0]) if scaled is not None and scaled.op_type == "Mul" else None
    return total is not None and total.op_type == "Add" and any(_op(edit.made_by.get(part)) == "Round" for part in total.input)


def _op(node: NodeProto | None) -> str:
    return "" if node is None else node.op_type
