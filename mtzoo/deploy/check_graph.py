"""Whether a graph is one that mtzoo could have written: so no runtime meets anything else, whoever made the file.

Nothing is read outside the file, nothing runs for ever, and no tensor is larger than such a network needs.
"""

import math
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from mtzoo.deploy.builder import ELEMENT_TYPES, OPERATORS, OPSETS
from mtzoo.errors import UserError, shown

MAX_NODES = 20_000
MAX_INPUT_PIXELS = 1 << 24
"""4096 x 4096; a video's frame of 3840 x 2160 has half of it."""
ROOM, FEW, MANY = 64, 1 << 22, 1 << 27
"""A tensor may have ROOM times the elements of the image, or as many as the largest constant, whose floats are one; FEW are always
allowed, MANY are the most."""
KEPT = 64  # larger constants say nothing about shapes
PLAIN = (onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT, onnx.AttributeProto.STRING, onnx.AttributeProto.INTS,
         onnx.AttributeProto.FLOATS)
COUNTED_AT_RUN_TIME = ("NonMaxSuppression", "Gather", "Equal", "Cast")
"""The only operators that may give a tensor whose size only the run shows: the rows that NMS keeps. Of these, files of today have only
NonMaxSuppression, whose result they give a size at once; those of earlier versions add the rows up."""
STORED = {TensorProto.FLOAT: np.float32, TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8, TensorProto.INT16: np.int16,
          TensorProto.UINT16: np.uint16, TensorProto.INT32: np.int32, TensorProto.INT64: np.int64, TensorProto.BOOL: np.bool_}
Shapes = Mapping[str, tuple[int | None, ...]]


def check_graph(model: onnx.ModelProto) -> Shapes:
    """The shape of every tensor that is computed, None for a side that only the run shows.

    Raises UserError naming what no file of mtzoo has.
    """
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer or graph.quantization_annotation:
        raise UserError("it holds functions, training parts or sparse tensors")
    if len(model.opset_import) != 1 or model.opset_import[0].domain or model.opset_import[0].version not in OPSETS:
        raise UserError(f"its operators are not those of ONNX's opset {' or '.join(map(str, OPSETS))}")
    for tensor in graph.initializer:
        _check_stored(tensor)
    pixels = max((_size(value) for value in graph.input), default=0) // 3
    if pixels > MAX_INPUT_PIXELS:
        raise UserError(f"its input has {pixels:,} pixels; {MAX_INPUT_PIXELS:,} are the most")
    _check_nodes(graph)
    shapes = _infer(model)
    stored = max((math.prod(tensor.dims) for tensor in graph.initializer), default=0)
    _check_sizes(graph, shapes, min(MANY, max(FEW, ROOM * 3 * pixels, stored)))
    return shapes


def _check_stored(tensor: onnx.TensorProto) -> None:
    name = shown(tensor.name)
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        raise UserError(f"the data of {name} are in another file; a deploy model holds all of its own")
    if tensor.data_type not in STORED or any(size < 0 for size in tensor.dims):
        raise UserError(f"{name} has a type or shape that no deploy model has")
    dtype = np.dtype(STORED[tensor.data_type])
    if math.prod(tensor.dims) * dtype.itemsize != len(tensor.raw_data):
        raise UserError(f"{name} has {len(tensor.raw_data):,} bytes for {shown(list(tensor.dims))} values")
    if dtype == np.float32 and not np.isfinite(np.frombuffer(tensor.raw_data, "<f4")).all():
        raise UserError(f"{name} holds values that are not finite")


def _size(value: onnx.ValueInfoProto) -> int:
    """Elements of an input or output."""
    dims = value.type.tensor_type.shape.dim
    if value.type.tensor_type.elem_type not in ELEMENT_TYPES.values() or any(dim.dim_value < 1 for dim in dims):
        raise UserError(f"the shape of {shown(value.name)} is not fixed")
    return math.prod(dim.dim_value for dim in dims)


def _check_nodes(graph: onnx.GraphProto) -> None:
    """Known operators with plain attributes, each reading what is there already: so there is no cycle."""
    if len(graph.node) > MAX_NODES:
        raise UserError(f"{len(graph.node):,} operators; {MAX_NODES:,} are the most")
    known: set[str] = set()
    for name in (*(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer)):
        _add(known, name)
    known.add("")  # an input that is left out
    for node in graph.node:
        if node.domain or node.op_type not in OPERATORS:
            raise UserError(f"operator {shown(node.op_type)}{f' of {shown(node.domain)}' if node.domain else ''} is not allowed in "
                            "a deploy model")
        if any(attribute.type not in PLAIN or attribute.ref_attr_name for attribute in node.attribute):
            raise UserError(f"operator {shown(node.op_type)} has an attribute that no deploy model has")
        if missing := next((name for name in node.input if name not in known), None):
            raise UserError(f"an operator {node.op_type} reads {shown(missing)}, which nothing before it computes")
        for name in node.output:
            _add(known, name)
    for value in graph.output:
        _size(value)
        if value.name not in known:
            raise UserError(f"nothing computes the output {shown(value.name)}")


def _add(known: set[str], name: str) -> None:
    if not name or name in known:
        raise UserError(f"two tensors are called {shown(name)}")
    known.add(name)


def _infer(model: onnx.ModelProto) -> Shapes:
    """Inferred shapes. Of large constants only the shapes are looked at, and no values are propagated: no shape of a deploy model is
    computed, and ONNX would keep 100 bytes and more for each value of a label map."""
    graph = onnx.GraphProto(name="shapes", node=model.graph.node, input=model.graph.input, output=model.graph.output)
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= KEPT:
            graph.initializer.append(tensor)
        else:
            graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    bare = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
    try:
        found = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True).graph
    except Exception as error:  # C++ raises several kinds for a graph that does not fit together
        raise UserError(f"its operators do not fit together ({shown(' '.join(str(error).split()))})") from error
    return {value.name: tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in value.type.tensor_type.shape.dim)
            for value in (*found.value_info, *found.output) if value.type.tensor_type.HasField("shape")}


def _check_sizes(graph: onnx.GraphProto, shapes: Shapes, most: int) -> None:
    constant = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    given = {value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in graph.input}
    known = {**constant, **given, **shapes}
    for node in graph.node:
        for name in node.output:
            shape = known.get(name)
            if shape is None or None in shape and not _counted_at_run_time(node, known):
                raise UserError(f"the size of {shown(name)} is not fixed")
            if math.prod(max(0, size or 0) if size is not None else 1 for size in shape) > most:
                raise UserError(f"{shown(name)} would have the shape {shown(list(shape))}; {most:,} elements are the most")


def _counted_at_run_time(node: onnx.NodeProto, shapes: Shapes) -> bool:
    """Whether a side of the result may be unknown: that of the first input, and of no other."""
    return node.op_type in COUNTED_AT_RUN_TIME and not any(None in shapes.get(name, ()) for name in node.input[1:])
