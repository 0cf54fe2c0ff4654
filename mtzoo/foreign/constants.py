"""What an ONNX graph computes of constants and shapes alone, worked out while it is read."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mtzoo.errors import UserError

MOST_ELEMENTS = 1 << 26
"""Of one constant."""
GROWING = ("ConstantOfShape", "Expand", "Tile", "Range")
"""Operators whose result may be much larger than what they read."""
FOLDED = frozenset((
    "Add", "Cast", "Ceil", "Concat", "Constant", "Div", "Equal", "Exp", "Flatten", "Floor", "Gather", "Greater", "Identity",
    "Less", "Max", "Min", "Mul", "Neg", "Not", "Pow", "ReduceProd", "Reshape", "Round", "Shape", "Size", "Slice", "Split", "Sqrt",
    "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where", *GROWING))
WIDE = {np.dtype(np.float16): np.float32, np.dtype(np.float64): np.float32}


def constant(tensor: TensorProto) -> np.ndarray:
    """The value of an initializer; floats as float32. Raises UserError for a tensor that its data do not fill."""
    try:
        value = numpy_helper.to_array(tensor)
    except Exception as error:  # a damaged tensor, in whatever way
        raise UserError(f"the constant '{tensor.name[:80]}' is damaged ({' '.join(str(error).split())[:120]})") from error
    value = value.astype(WIDE.get(value.dtype, value.dtype), copy=False)
    if value.dtype == np.float32 and not np.isfinite(value).all():
        bounded = np.isneginf(value) | np.isposinf(value)
        if np.isnan(value).any() or value.size > 1 or not bounded.all():  # the end of a Clip may be infinite
            raise UserError(f"the constant '{tensor.name[:80]}' holds values that are not finite")
    return value


def folded(node: onnx.NodeProto, inputs: Sequence[np.ndarray | None], opset: int) -> list[np.ndarray]:
    """The results of an operator of FOLDED that reads constants. Raises UserError where it fails or grows out of bounds."""
    if node.op_type in GROWING:
        _check_growth(node, inputs)
    named = [f"i{k}" if value is not None else "" for k, value in enumerate(inputs)]
    copy = helper.make_node(node.op_type, named, [f"o{k}" for k in range(len(node.output))])
    copy.attribute.extend(node.attribute)
    given = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
             for name, value in zip(named, inputs) if value is not None]
    made = [helper.make_value_info(name, onnx.TypeProto()) for name in copy.output]
    graph = helper.make_graph([copy], "constant", given, made)
    try:
        evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]))
        with np.errstate(all="ignore"):
            results = evaluator.run(None, {name: value for name, value in zip(named, inputs) if value is not None})
    except Exception as error:  # the evaluator raises whatever NumPy does
        raise UserError(f"cannot be computed ({type(error).__name__}: {' '.join(str(error).split())[:120]})") from error
    return [np.asarray(value) for value in results]


def _check_growth(node: onnx.NodeProto, inputs: Sequence[np.ndarray | None]) -> None:
    if node.op_type == "Range":
        start, limit, delta = (float(np.asarray(value).ravel()[0]) for value in inputs[:3])
        count = abs((limit - start) / delta) if delta else MOST_ELEMENTS + 1
    elif node.op_type == "ConstantOfShape":
        count = float(np.prod(inputs[0].astype(np.float64)))
    else:  # Expand, Tile
        count = float(np.prod(inputs[1].astype(np.float64))) * max(1, inputs[0].size)
    if count > MOST_ELEMENTS:
        raise UserError(f"makes {count:,.0f} values; {MOST_ELEMENTS:,} are the most")
