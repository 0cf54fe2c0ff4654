"""What stands behind the network proper: reshapes at its outputs, and a last softmax or sigmoid.

They are not part of the integer network. The exported file repeats them on its exact float outputs, so that it gives what the original
gives: reshapes stay exact, softmax and sigmoid are float functions whose last bits differ between runtimes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from mtzoo.deploy.signature import TailOp
from mtzoo.errors import UserError
from mtzoo.foreign.constants import folded

MOVES = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Concat", "Slice", "Split", "Gather", "Identity")
FLOAT_FUNCTIONS = ("Softmax", "Sigmoid")


def tail_nodes(graph: onnx.GraphProto) -> set[int]:
    """Places of the operators behind which there is nothing but other ones of the tail, and outputs."""
    readers: dict[str, list[int]] = {}
    for index, node in enumerate(graph.node):
        for name in node.input:
            readers.setdefault(name, []).append(index)
    outputs, found = {value.name for value in graph.output}, set()
    for index in range(len(graph.node) - 1, -1, -1):
        node = graph.node[index]
        read = [place for name in node.output for place in readers.get(name, ())]
        leads_out = bool(read) or any(name in outputs for name in node.output)
        if node.op_type in (*MOVES, *FLOAT_FUNCTIONS) and leads_out and all(place in found for place in read):
            found.add(index)
    return found


class TailReader:
    """Reads the nodes of a tail. shapes: of the tensors that it begins with; values: constants by name."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], values: Mapping[str, object], opset: int) -> None:
        self.shapes, self.opset = dict(shapes), opset
        self.constants = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
        self.ops: list[TailOp] = []
        self.inexact: set[str] = set()
        """Tensors behind a softmax or sigmoid."""

    def read(self, node: onnx.NodeProto) -> None:
        """Raises UserError where it is none that a tail can have."""
        inputs = [self.constants.get(name) if name in self.constants else np.zeros(self.shapes[name], np.float32) if name else None
                  for name in node.input]
        mapped = [name for name in node.input if name in self.shapes]
        results = self._evaluated(node, inputs)
        for name, value in zip(node.output, results):
            self.shapes[name] = value.shape
        if node.op_type in FLOAT_FUNCTIONS or not self.inexact.isdisjoint(mapped):
            self.inexact.update(node.output)
        make = {"Transpose": self._transpose, "Concat": self._concat, "Slice": self._slice, "Split": self._split,
                "Gather": self._gather, "Softmax": self._softmax, "Sigmoid": self._same, "Identity": self._same}
        make.get(node.op_type, self._reshape)(node, inputs)

    def _evaluated(self, node: onnx.NodeProto, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        if node.op_type in FLOAT_FUNCTIONS:
            return [inputs[0]]
        return folded(node, inputs, self.opset)

    def _reshape(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        self.ops.append(TailOp("Reshape", (node.input[0],), node.output[0], (self.shapes[node.output[0]],)))

    def _same(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        self.ops.append(TailOp(node.op_type, (node.input[0],), node.output[0]))

    def _transpose(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        order = _attribute(node, "perm") or list(range(inputs[0].ndim))[::-1]
        self.ops.append(TailOp("Transpose", (node.input[0],), node.output[0], attributes={"perm": list(order)}))

    def _concat(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        if any(name in self.constants for name in node.input):
            raise UserError("Concat joins an output with a constant; leave that out")
        self.ops.append(TailOp("Concat", tuple(node.input), node.output[0], attributes={"axis": _attribute(node, "axis")}))

    def _softmax(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        """Before opset 13 all dimensions from the axis on were one."""
        rank = inputs[0].ndim
        axis = _attribute(node, "axis")
        axis = (-1 if self.opset >= 13 else 1) if axis is None else axis
        if self.opset < 13 and axis % rank != rank - 1:
            shape, name = inputs[0].shape, node.output[0]
            rows = (int(np.prod(shape[:axis])), int(np.prod(shape[axis:])))
            self.ops += [TailOp("Reshape", (node.input[0],), f"{name}.rows", (rows,)),
                         TailOp("Softmax", (f"{name}.rows",), f"{name}.softmax", attributes={"axis": 1}),
                         TailOp("Reshape", (f"{name}.softmax",), name, (shape,))]
        else:
            self.ops.append(TailOp("Softmax", (node.input[0],), node.output[0], attributes={"axis": axis % rank}))

    def _slice(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        if _attribute(node, "starts") is not None:
            starts, ends = list(_attribute(node, "starts")), list(_attribute(node, "ends"))
            axes, steps = _attribute(node, "axes"), None
        else:
            given = [*inputs[1:5], *[None] * 4][:4]
            starts, ends, axes, steps = (None if value is None else list(map(int, np.ravel(value))) for value in given)
        axes = list(range(len(starts))) if axes is None else list(axes)
        steps = [1] * len(starts) if steps is None else steps
        self.ops.append(TailOp("Slice", (node.input[0],), node.output[0], tuple(map(tuple, (starts, ends, axes, steps)))))

    def _split(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        axis, start = (_attribute(node, "axis") or 0) % inputs[0].ndim, 0
        for name in node.output:
            size = self.shapes[name][axis]
            self.ops.append(TailOp("Slice", (node.input[0],), name, ((start,), (start + size,), (axis,), (1,))))
            start += size

    def _gather(self, node: onnx.NodeProto, inputs: Sequence[Any]) -> None:
        indices = inputs[1]
        if node.input[0] in self.constants or indices.ndim > 1:
            raise UserError("Gather of an output takes more than one index or a list of them; leave that out")
        axis = (_attribute(node, "axis") or 0) % inputs[0].ndim
        name = node.output[0] if indices.ndim else f"{node.output[0]}.gathered"
        self.ops.append(TailOp("Gather", (node.input[0],), name, (tuple(map(int, np.ravel(indices))),), {"axis": axis}))
        if not indices.ndim:
            self.ops.append(TailOp("Reshape", (name,), node.output[0], (self.shapes[node.output[0]],)))


def _attribute(node: onnx.NodeProto, name: str) -> Any:
    found = next((a for a in node.attribute if a.name == name), None)
    return None if found is None else onnx.helper.get_attribute_value(found)
