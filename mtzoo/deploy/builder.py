"""A thin hand for writing ONNX graphs: one call per operator, constants stored once."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:  # what reads a deploy model need not wait for torch
    from mtzoo.layers.writer import Attribute

OPSET = 17
IR_VERSION = 8  # the one that came with opset 17: old runtimes read it
WIDE_OPSET, WIDE_IR_VERSION = 21, 10  # the first with integers of 16 bits in QuantizeLinear
OPSETS = (OPSET, WIDE_OPSET)
WIDE_TYPES = (TensorProto.INT16, TensorProto.UINT16)
RESIZE_NEAREST = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
RESIZE_LINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
SPELT_OUT = 8  # constants of at most so many elements have them in their names

OPERATORS = frozenset((
    "Add", "And", "ArgMax", "BatchNormalization", "Cast", "Clip", "Concat", "Conv", "CumSum", "DequantizeLinear", "Div", "Elu",
    "Equal", "Erf", "Exp", "Expand", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity", "LeakyRelu", "Less",
    "LessOrEqual", "MatMul", "Max", "MaxPool", "Min", "Mul", "NonMaxSuppression", "Or", "Pad", "QuantizeLinear", "ReduceMax",
    "ReduceMin", "ReduceSum", "Relu", "Reshape", "Resize", "Round", "ScatterElements", "Sigmoid", "Slice", "Softmax", "Softplus",
    "Split", "Squeeze", "Sub", "Tanh", "TopK", "Transpose", "Unsqueeze", "Where"))
"""All that is written. A file with any other is not read either: some can run for ever, or read other files."""

ELEMENT_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8,
                 np.dtype(np.int8): TensorProto.INT8, np.dtype(np.int32): TensorProto.INT32,
                 np.dtype(np.int64): TensorProto.INT64, np.dtype(np.bool_): TensorProto.BOOL}


class GraphBuilder:
    """Nodes in execution order, initializers by name. Tensors are strings, as in ONNX.

    reserved: names that tensors which have none of their own do not get.
    """

    def __init__(self, reserved: Collection[str] = ()) -> None:
        self.reserved = frozenset(reserved)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._unnamed: dict[tuple[object, ...], str] = {}
        """(operator, inputs, attributes) -> its output, of operators whose output is numbered."""

    def op(self, kind: str, inputs: Sequence[str], name: str = "", attributes: Mapping[str, "Attribute"] | None = None) -> str:
        """Append a node with one output, called `name` or numbered. Returns the output's name.

        Without a name, what an equal node gives already is given again: a map that several layers read in the same form is brought into
        it once. Long names are worth bytes where people look for them: at convolutions, outputs and in post-processing.
        """
        if kind not in OPERATORS:
            raise ValueError(f"operator '{kind}': files that hold it are refused when they are read; add it to OPERATORS")
        if name:
            return self._append(kind, inputs, name, attributes)
        form = (kind, *inputs, repr(sorted((attributes or {}).items())))
        if form not in self._unnamed:
            self._unnamed[form] = self._append(kind, inputs, self._numbered(), attributes)
        return self._unnamed[form]

    def _append(self, kind: str, inputs: Sequence[str], name: str, attributes: "Mapping[str, Attribute] | None") -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **(attributes or {})))
        return name

    def _numbered(self) -> str:
        name = f"t{len(self.nodes)}"
        return f"tensor.{name}" if name in self.reserved else name

    def upsample_nearest(self, x: str, factor: int | tuple[int, int], name: str) -> str:
        """(N, C, h, w) of any type -> (N, C, factor h, factor w), each value factor^2 times. factor: also that of height and width."""
        scales = self.constant(np.array([1, 1, *((factor, factor) if isinstance(factor, int) else factor)], dtype=np.float32))
        return self.op("Resize", [x, "", scales], name, RESIZE_NEAREST)

    def resize_linear(self, x: str, factor: int, name: str) -> str:
        """(N, C, h, w) floats -> (N, C, factor h, factor w), bilinear. Exact for factors of `mtzoo.ops.bilinear`.

        Never a QuantizeLinear at once behind it: see `mtzoo.layers.bilinear`.
        """
        return self.op("Resize", [x, "", self.constant(np.array([1, 1, factor, factor], dtype=np.float32))], name, RESIZE_LINEAR)

    def top_k(self, x: str, k: int, name: str) -> tuple[str, str]:
        """The k largest along the last axis, sorted. Returns (values, indices). OpenVINO does not order equal values."""
        outputs = (f"{name}.values", f"{name}.indices")
        self.nodes.append(helper.make_node("TopK", [x, self.integers(k)], list(outputs), axis=-1))
        return outputs

    def split(self, x: str, sizes: Sequence[int], names: Sequence[str], axis: int) -> tuple[str, ...]:
        """`x` cut along an axis. Returns `names`, one for each size."""
        self.nodes.append(helper.make_node("Split", [x, self.integers(*sizes)], list(names), axis=axis))
        return tuple(names)

    def initializer(self, name: str, value: np.ndarray) -> str:
        """Store a tensor under its own name. Returns the name."""
        if name in self.initializers:
            raise ValueError(f"two tensors are called '{name}'")
        self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def constant(self, value: np.ndarray | np.generic) -> str:
        """Store a small tensor under a name made of its content, so that equal ones are one. Returns the name."""
        value = np.asarray(value, order="C")
        small = "_".join(map(str, value.ravel())) if value.size <= SPELT_OUT else hashlib.sha256(value.tobytes()).hexdigest()[:12]
        name = ".".join(["const", str(value.dtype), "x".join(map(str, value.shape)), small])
        if name not in self.initializers:
            self.initializer(name, value)
        return name

    def integers(self, *values: int) -> str:
        """A 1-D int64 constant."""
        return self.constant(np.array(values, dtype=np.int64))

    def float(self, value: float) -> str:
        """A float32 scalar constant."""
        return self.constant(np.float32(value))

    def add_input(self, name: str, dtype: type, shape: Sequence[int]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[np.dtype(dtype)], shape))
        return name

    def add_output(self, name: str, dtype: type, shape: Sequence[int]) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[np.dtype(dtype)], shape))

    def model(self, graph_name: str) -> onnx.ModelProto:
        """The checked model, with only the initializers that are read."""
        read = {name for node in self.nodes for name in node.input}
        used = [tensor for name, tensor in self.initializers.items() if name in read]
        opset, ir_version = OPSET, IR_VERSION
        if any(tensor.data_type in WIDE_TYPES for tensor in used):
            opset, ir_version = WIDE_OPSET, WIDE_IR_VERSION
            used += self._reduce_as_since_18()
        graph = helper.make_graph(self.nodes, graph_name, self.inputs, self.outputs, used)
        model = helper.make_model(graph, producer_name="mtzoo", opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=ir_version)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _reduce_as_since_18(self) -> list[onnx.TensorProto]:
        """ReduceMax and ReduceMin read their axes as an input from opset 18 on; the constants that this adds."""
        before = set(self.initializers)
        for node in self.nodes:
            axes = next((a for a in node.attribute if a.name == "axes"), None)
            if node.op_type in ("ReduceMax", "ReduceMin") and axes is not None:
                node.input.append(self.integers(*axes.ints))
                node.attribute.remove(axes)
        return [tensor for name, tensor in self.initializers.items() if name not in before]


class Scope:
    """A hand for one part of a graph: every tensor that it writes is called "<name>.<its own>"."""

    def __init__(self, builder: GraphBuilder, name: str) -> None:
        self.builder, self.name = builder, name
        self.constant, self.integers, self.float = builder.constant, builder.integers, builder.float

    def op(self, kind: str, inputs: Sequence[str], name: str, **attributes: "Attribute") -> str:
        return self.builder.op(kind, inputs, f"{self.name}.{name}", attributes)

    def split(self, x: str, sizes: Sequence[int], names: Sequence[str], axis: int) -> tuple[str, ...]:
        return self.builder.split(x, sizes, [f"{self.name}.{name}" for name in names], axis)

    def top_k(self, x: str, k: int, name: str) -> tuple[str, str]:
        return self.builder.top_k(x, k, f"{self.name}.{name}")
