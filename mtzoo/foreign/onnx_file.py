"""A float ONNX file of anybody's -> a graph in memory with all its weights. Nothing of it is executed.

The file is data of a stranger: its size is bounded before it is parsed, external weights may only lie beside it, and functions,
operators of other domains and nested graphs are refused.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
from onnx import TensorProto

from mtzoo.deploy.wire import parse_onnx
from mtzoo.errors import UserError, shown
from mtzoo.files import read_whole

MAX_FILE_BYTES = 1 << 30
MAX_OTHER_BYTES = 32 << 20
"""Of nodes, names and constants that are not raw weights: parsed, they take many times as much."""
MAX_NODES = 20_000
OPSETS = range(7, 24)
NAME_ONE = "name a float ONNX file of a convolutional network"


def read_onnx(path: Path) -> onnx.ModelProto:
    """Raises UserError for a file that is missing, damaged, too large, or that holds what no plain float network needs."""
    content = read_whole(path, "model", MAX_FILE_BYTES, NAME_ONE)
    try:
        model = parse_onnx(content, MAX_OTHER_BYTES)
        _read_external(model, path.parent)
        _check(model)
    except UserError as error:
        raise UserError(f"{path}: {error}; {NAME_ONE}") from error
    return model


def _check(model: onnx.ModelProto) -> None:
    graph = model.graph
    if not graph.node or not graph.output:
        raise UserError("not an ONNX file, or one without operators")
    if model.functions or graph.sparse_initializer:
        raise UserError("it holds functions of its own or sparse tensors; export it without")
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1 or versions[0] not in OPSETS:
        raise UserError(f"its operators are of opset {shown(versions)}; {OPSETS[0]} to {OPSETS[-1]} are read")
    if len(graph.node) > MAX_NODES:
        raise UserError(f"{len(graph.node):,} operators; {MAX_NODES:,} are the most")


def _read_external(model: onnx.ModelProto, folder: Path) -> None:
    """Weights of a file beside the model become its own; none is taken from anywhere else."""
    files: dict[str, bytes] = {}
    for tensor in _tensors(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        name = entries.get("location", "")
        if not name or PurePosixPath(name).name != name or PureWindowsPath(name).name != name or name == "..":
            raise UserError(f"the data of {shown(tensor.name)} are in {shown(name)}; only a file in the model's own folder is read")
        if name not in files:
            if (folder / name).is_symlink():
                raise UserError(f"its weights file {shown(name)} is a link; put the file itself beside the model")
            files[name] = read_whole(folder / name, "weights file", MAX_FILE_BYTES, "put it beside the model")
        start, size = (_number(entries.get(key, default)) for key, default in (("offset", "0"), ("length", str(len(files[name])))))
        if start + size > len(files[name]):
            raise UserError(f"its weights file {shown(name)} is too short for {shown(tensor.name)}")
        tensor.raw_data = files[name][start:start + size]
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise UserError(f"the place of a weight in its file is {shown(text)}; expected a number")
    return int(text)


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
