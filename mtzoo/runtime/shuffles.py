"""Load-time form for OpenVINO of channel shuffles of 8-bit maps: the weights of the convolutions behind them know the order.

Its kernel for shuffles takes twice as long as a 1x1 int8 convolution of the same map. So a convolution of some shuffled channels reads
the map as it was, with zeros for the other channels, and channels that go on as they are come out of a convolution of ones and zeros.
Both compute the same integers.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, helper

from mtzoo.runtime.edit import GraphEdit, attribute

SWAPPED = (0, 2, 1, 3, 4)


@dataclass(frozen=True)
class Shuffle:
    """nodes: Reshape, Transpose, Reshape; order: (C,) channel of the source at each place behind them; zero: stored zero point."""

    nodes: tuple[NodeProto, NodeProto, NodeProto]
    order: np.ndarray
    zero: str

    @property
    def source(self) -> str:
        return self.nodes[0].input[0]

    @property
    def output(self) -> str:
        return self.nodes[2].output[0]


def shuffles_in_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, or a copy of it without shuffles of integers that count from 0."""
    if not any(attribute(node, "perm") == SWAPPED for node in model.graph.node if node.op_type == "Transpose"):
        return model
    edit, changed = GraphEdit(model), False
    for node in list(edit.nodes):
        if (shuffle := _shuffle(edit, node)) is not None:
            _replace(edit, shuffle)
            changed = True
    return edit.finish() if changed else model


def _shuffle(edit: GraphEdit, transpose: NodeProto) -> Shuffle | None:
    """The shuffle whose middle a node is, if its integers count from 0."""
    if transpose.op_type != "Transpose" or attribute(transpose, "perm") != SWAPPED:
        return None
    before, after = edit.made_by.get(transpose.input[0]), edit.sole_reader(transpose.output[0])
    if any(node is None or node.op_type != "Reshape" or node.input[1] not in edit.stored for node in (before, after)):
        return None
    split, whole = edit.value(before.input[1]), edit.value(after.input[1])
    output = after.output[0]
    if edit.sole_reader(before.output[0]) is not transpose or len(split) != 5 or len(whole) != 4 or output in edit.outputs:
        return None
    zero = _zero_point(edit, output)
    if zero is None:
        return None
    order = np.arange(split[1] * split[2]).reshape(split[1], split[2]).T.ravel()
    return Shuffle((before, transpose, after), order, zero)


def _zero_point(edit: GraphEdit, name: str) -> str | None:
    """The zero point with which these integers are read; None where that is not 0, or they go elsewhere first."""
    for reader in edit.readers[name]:
        found = _zero_point(edit, reader.output[0]) if reader.op_type in ("Slice", "Concat") else \
            reader.input[2] if reader.op_type == "DequantizeLinear" and len(reader.input) > 2 else None
        if found is not None and found in edit.stored:
            return None if edit.value(found).any() else found
    return None


def _replace(edit: GraphEdit, shuffle: Shuffle) -> None:
    """Let all that reads the shuffled channels, or some of them, read the source."""
    parts = {reader.output[0]: (reader, shuffle.order[slice(*_range(edit, reader))]) for reader in edit.readers[shuffle.output]
             if reader.op_type == "Slice" and _range(edit, reader) is not None}
    sliced = {id(node) for node, _ in parts.values()}
    if any(id(reader) not in sliced for reader in edit.readers[shuffle.output]):
        parts[shuffle.output] = (shuffle.nodes[2], shuffle.order)
    for name, (node, order) in parts.items():
        rest = [reader for reader in edit.readers[name] if id(reader) not in sliced and not _read_source(edit, shuffle, order, reader)]
        if rest or name in edit.outputs:
            edit.insert_after(node, _picked(edit, shuffle, order, name))
        if node is not shuffle.nodes[2]:
            edit.remove(node)
    for node in shuffle.nodes:
        edit.remove(node)


def _range(edit: GraphEdit, node: NodeProto) -> tuple[int, int] | None:
    """(start, end) of a Slice of channels."""
    values = [edit.value(name) if name in edit.stored else np.zeros(0) for name in node.input[1:]]
    if len(values) < 3 or any(len(value) != 1 for value in values):
        return None
    start, end, axis, *step = (int(value[0]) for value in values)
    return (start, end) if axis == 1 and step in ([], [1]) else None


def _read_source(edit: GraphEdit, shuffle: Shuffle, order: np.ndarray, dequantize: NodeProto) -> bool:
    """Spread the weights of the convolutions behind over all of the source's channels, if these are all that is behind, of 8 bits."""
    name = dequantize.output[0]
    convs = edit.readers[name] if dequantize.op_type == "DequantizeLinear" and name not in edit.outputs else []
    if not convs or not all(_reads_all(edit, conv, name) for conv in convs):
        return False
    for conv in convs:
        (weight, _), *_ = edit.stored_parts(conv)
        narrow = edit.value(weight)
        spread = np.zeros((narrow.shape[0], len(shuffle.order), *narrow.shape[2:]), narrow.dtype)
        spread[:, order] = narrow
        edit.store(weight, spread)
    dequantize.input[0] = shuffle.source
    return True


def _reads_all(edit: GraphEdit, node: NodeProto, name: str) -> bool:
    """Whether a node is a convolution of int8 weights, each of which reads all channels of the map `name`."""
    return (node.op_type == "Conv" and node.input[0] == name and attribute(node, "group") in (None, 1)
            and edit.stored_parts(node) is not None)


def _picked(edit: GraphEdit, shuffle: Shuffle, order: np.ndarray, name: str) -> list[NodeProto]:
    """Nodes that give these channels of the source under a name: a 1x1 convolution of ones and zeros between steps of 1."""
    ones = np.zeros((len(order), len(shuffle.order), 1, 1), np.int8)
    ones[np.arange(len(order)), order] = 1
    weight, scales = edit.store(f"{name}.ones", ones), edit.store(f"{name}.ones_scale", np.ones(len(order), np.float32))
    step = edit.store(f"{name}.step", np.float32(1))
    return [helper.make_node("DequantizeLinear", [shuffle.source, step, shuffle.zero], [f"{name}.whole"]),
            helper.make_node("DequantizeLinear", [weight, scales], [f"{name}.pick"], axis=0),
            helper.make_node("Conv", [f"{name}.whole", f"{name}.pick"], [f"{name}.picked"], kernel_shape=[1, 1]),
            helper.make_node("QuantizeLinear", [f"{name}.picked", step, shuffle.zero], [name])]
