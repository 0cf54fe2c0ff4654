"""A copy of an ONNX graph that is rewritten when a file is loaded: who makes a tensor, who reads it, what is stored."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


class GraphEdit:
    """Nodes of the copy may be changed in place; what is inserted, removed or stored is in the model that `finish` returns."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self.nodes = list(self._model.graph.node)
        self.stored = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self.made_by = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys(node.input):
                self.readers[name].append(node)
        self.outputs = {value.name for value in model.graph.output}

    def value(self, name: str) -> np.ndarray:
        """The values of a stored tensor."""
        return numpy_helper.to_array(self.stored[name])

    def store(self, name: str, value: np.ndarray) -> str:
        """Store a tensor under a name, in place of the one that has it. Returns the name."""
        self.stored[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def concats_of_channels(self) -> list[NodeProto]:
        """The nodes that put maps (N, C, H, W) side by side."""
        return [node for node in self.nodes if node.op_type == "Concat" and attribute(node, "axis") == 1]

    def sole_reader(self, name: str) -> NodeProto | None:
        """The only node that reads a tensor which is no output of the graph; None if there are others."""
        readers = self.readers[name]
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def stored_parts(self, conv: NodeProto) -> list[tuple[str, str]] | None:
        """[(weight, its scale), (bias, its scale)] of a convolution of int8 weights, one scale for each output.

        Without a bias the first alone. None for others, and where anything else reads what is stored.
        """
        sources = [self.made_by.get(name) for name in conv.input[1:]]
        if not all(self._is_own(source) for source in sources):
            return None
        parts = [(source.input[0], source.input[1]) for source in sources]
        return parts if self.stored[parts[0][0]].data_type == TensorProto.INT8 else None

    def _is_own(self, source: NodeProto | None) -> bool:
        return (source is not None and source.op_type == "DequantizeLinear" and self.sole_reader(source.output[0]) is not None
                and all(name in self.stored and self.sole_reader(name) is not None for name in source.input)
                and self.stored[source.input[1]].dims == self.stored[source.input[0]].dims[:1])

    def insert_after(self, node: NodeProto, new: Sequence[NodeProto]) -> None:
        at = next(i for i, known in enumerate(self.nodes) if known is node) + 1
        self.nodes[at:at] = new

    def remove(self, node: NodeProto) -> None:
        self.nodes = [known for known in self.nodes if known is not node]

    def finish(self) -> onnx.ModelProto:
        """The changed model, without stored tensors that nothing reads."""
        nodes = []
        for node in self.nodes:
            nodes.append(NodeProto())
            nodes[-1].CopyFrom(node)  # those of the graph go with it
        read = {name for node in nodes for name in node.input}
        tensors = [numpy_helper.from_array(numpy_helper.to_array(tensor), name) for name, tensor in self.stored.items() if name in read]
        graph = self._model.graph
        del graph.node[:], graph.initializer[:]
        graph.node.extend(nodes)
        graph.initializer.extend(tensors)
        return self._model


def attribute(node: NodeProto, name: str) -> object:
    """The value of a node's attribute, of several as a tuple; None if it has none of that name."""
    found = next((a for a in node.attribute if a.name == name), None)
    if found is None:
        return None
    return tuple(found.ints) if found.type == onnx.AttributeProto.INTS else helper.get_attribute_value(found)
