"""A float network of anybody's, from whatever it came: a module that gives maps, and how the file's outputs are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from torch import nn

from mtzoo.deploy.signature import ForeignOutput, TailOp
from mtzoo.errors import UserError, shown
from mtzoo.foreign.onnx_file import NAME_ONE
from mtzoo.foreign.reader import Reader
from mtzoo.foreign.tail import TailReader, tail_nodes
from mtzoo.foreign.views import Map, View
from mtzoo.structures import MAX_PIXELS

Hw = tuple[int, int]


@dataclass(frozen=True)
class FloatNetwork:
    """module: (N, 3, H, W) -> {name: map}; input_name: of the image; tail: from the maps to the outputs; model: the ONNX
    file it was read from, its sizes fixed, None for a PyTorch module."""

    module: nn.Module
    input_name: str
    input_hw: Hw
    tail: tuple[TailOp, ...]
    outputs: tuple[ForeignOutput, ...]
    model: onnx.ModelProto | None = None


def from_model(model: onnx.ModelProto, input_hw: Hw | None) -> FloatNetwork:
    """Read a checked ONNX model. input_hw: of a file whose height and width are not fixed.

    Raises UserError naming every kind of operator that has no exact integer form, each once with its place.
    """
    image, hw = fixed_input(model, input_hw)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    reader, behind = Reader(model, hw, opset), tail_nodes(model.graph)
    body = [node for index, node in enumerate(model.graph.node) if index not in behind]
    reader.read(body, image.name)
    rest = [node for index, node in enumerate(model.graph.node) if index in behind]
    begins = dict.fromkeys(name for node in rest for name in node.input if isinstance(reader.values.get(name), View))
    begins |= dict.fromkeys(value.name for value in model.graph.output if isinstance(reader.values.get(value.name), View))
    if reader.faults:
        reader.module({})
    maps: dict[str, Map] = {}
    ops: list[TailOp] = []
    for name in begins:
        maps[name] = _map_of(reader, name, reader.values[name])
        ops.append(TailOp("Reshape", (name,), name, (reader.values[name].shape,)))
    tail = TailReader({name: reader.values[name].shape for name in begins}, reader.values, opset)
    for node in rest:
        try:
            tail.read(node)
        except UserError as error:
            raise UserError(f"{node.op_type} at {shown(node.name or node.output[0])[1:-1]} {error}") from error
    outputs = []
    for value in model.graph.output:
        if value.name not in tail.shapes:
            raise UserError(f"the output {shown(value.name)} does not depend on the image; remove it from the file")
        outputs.append(ForeignOutput(value.name, tuple(tail.shapes[value.name]), value.name not in tail.inexact))
    return FloatNetwork(reader.module(maps), image.name, hw, (*ops, *tail.ops), tuple(outputs),
                        with_fixed_input(model, image.name, hw))


def _map_of(reader: Reader, name: str, view: View) -> Map:
    """The map whose values, in order, are those of a tensor."""
    if view.order is None or np.array_equal(view.order.ravel(), np.arange(view.source.channels * view.source.cells)):
        return view.source
    try:
        return reader.plane(view, _Place(name))
    except UserError as error:
        raise UserError(f"the tensor {shown(name)} {error}") from error


class _Place:
    """Where a map is selected that no operator of the body reads."""

    def __init__(self, name: str) -> None:
        self.name = "".join(c if c.isalnum() else "_" for c in name)

    def fault(self, why: str) -> UserError:
        return UserError(why)


def fixed_input(model: onnx.ModelProto, input_hw: Hw | None) -> tuple[onnx.ValueInfoProto, Hw]:
    """The image input, and its height and width. Raises UserError for anything but one image of three channels of a known size."""
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    if len(inputs) != 1:
        raise UserError(f"it has {len(inputs)} inputs ({', '.join(shown(v.name) for v in inputs[:6])}); expected one image")
    image = inputs[0]
    tensor = image.type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    said = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in tensor.shape.dim]
    if tensor.elem_type != onnx.TensorProto.FLOAT or len(dims) != 4:
        raise UserError(f"input {shown(image.name)} is not a float32 image (1, 3, H, W) but {shown(said)} of type {tensor.elem_type}")
    if dims[1] not in (3, None) or dims[0] not in (1, None, 0, -1):
        raise UserError(f"its input {shown(image.name)} is {shown(said)}; expected one image (1, 3, H, W)")
    hw = tuple(size if size and size > 0 else None for size in dims[2:])
    if None in hw and input_hw is None:
        raise UserError(f"its input {shown(image.name)} is {shown(said)}: height and width are not fixed; give --size HxW")
    if input_hw is None:
        input_hw = hw
    if any(size not in (None, given) for size, given in zip(hw, input_hw)):
        raise UserError(f"its input {shown(image.name)} is fixed to {hw[0]} x {hw[1]}; leave --size out")
    if min(input_hw) < 1 or input_hw[0] * input_hw[1] > MAX_PIXELS:
        raise UserError(f"an input of {input_hw[0]} x {input_hw[1]} pixels; up to {MAX_PIXELS:,} are read")
    return image, (int(input_hw[0]), int(input_hw[1]))


def with_fixed_input(model: onnx.ModelProto, name: str, hw: Hw) -> onnx.ModelProto:
    """A copy that reads one image of this size, without what it said of the sizes of its other tensors."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    image = next(value for value in copy.graph.input if value.name == name)
    for dim, size in zip(image.type.tensor_type.shape.dim, (1, 3, *hw)):
        dim.Clear()
        dim.dim_value = size
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    return copy


def named_outputs(count: int, names: Sequence[str] | None) -> list[str]:
    """Names for the outputs of a module that has none."""
    found = list(names) if names is not None else ["output"] if count == 1 else [f"output_{i}" for i in range(count)]
    if len(found) != count or len(set(found)) != count:
        raise UserError(f"output_names={found}: expected {count} different names; {NAME_ONE}")
    return found
