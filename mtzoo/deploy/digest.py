"""A hash of all that decides what a deploy model says: its weights, its graph and its description."""

import hashlib

import onnx


def content_digest(model: onnx.ModelProto, description: str) -> str:
    """SHA-256 in hex. description: the JSON in the metadata.

    Of names, numbers and bytes rather than of the file: a file that another tool has saved again unchanged keeps it.
    """
    digest = hashlib.sha256(description.encode())

    def add(*values: object) -> None:
        digest.update(repr(values).encode())

    add([(entry.domain, entry.version) for entry in model.opset_import])
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        add(tensor.name, tensor.data_type, list(tensor.dims), len(tensor.raw_data))
        digest.update(tensor.raw_data)
    for node in model.graph.node:
        attributes = sorted((a.name, a.type, a.i, a.f, a.s, list(a.ints), list(a.floats)) for a in node.attribute)
        add(node.op_type, list(node.input), list(node.output), attributes)
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        add(value.name, tensor.elem_type, [(d.dim_value, d.dim_param) for d in tensor.shape.dim])
    return digest.hexdigest()
