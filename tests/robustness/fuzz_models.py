"""Checkpoints, deploy models and their sidecars: damaged as containers, and whole ones whose values are wrong."""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import ModelProto
from onnx.helper import set_model_props

from mtzoo.deploy.file import DIGEST_KEY, METADATA_KEY, read_deploy_file
from mtzoo.deploy.reference import reference_network
from mtzoo.engine.stages import load_checkpoint_network
from mtzoo.runtime.model import DeployModel
from tests.robustness.base import Base
from tests.robustness.fuzz import Case
from tests.robustness.mutations import VALUES, as_json, change, damaged_bytes, damaged_text, mutated

HW = (64, 96)


def checkpoints(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: a checkpoint with wrong values, or a damaged file, made into a network as `export` does."""
    paths = [base.float_checkpoint, base.integer_checkpoint]
    whole = [torch.load(path, weights_only=True) for path in paths]
    raw = [path.read_bytes() for path in paths]
    for number in count():
        path, which = folder / f"{number}.pt", int(rng.integers(2))
        way = rng.random()
        if way < 0.65:
            torch.save(changed_checkpoint(whole[which], rng), path)
        elif way < 0.8:
            rewritten_zip(raw[which], path, rng)
        else:
            path.write_bytes(damaged_bytes(raw[which], rng))
        yield lambda path=path: load(path)
        path.unlink()


def load(path: Path) -> None:
    load_checkpoint_network(path)


def changed_checkpoint(values: dict[str, Any], rng: np.random.Generator) -> Any:
    """Wrong values somewhere: in the config, the progress, the network, or at the top."""
    changed = dict(values)
    way = int(rng.integers(4))
    if way == 0:
        changed["config"] = mutated(values["config"], rng, most=2)
    elif way == 1:
        changed["progress"] = mutated(values["progress"], rng, most=2)
    elif way == 2:
        changed["network"] = changed_network(values["network"], rng)
    else:
        key = list(values)[int(rng.integers(len(values)))]
        changed[key] = any_value(rng)
        if rng.random() < 0.3:
            del changed[key]
    return changed


def any_value(rng: np.random.Generator) -> Any:
    return VALUES[int(rng.integers(len(VALUES)))]


def changed_network(network: dict[str, torch.Tensor], rng: np.random.Generator) -> Any:
    """One tensor of another type, shape or layout, renamed, missing, not finite, or no tensor at all."""
    changed = dict(network)
    name = list(network)[int(rng.integers(len(network)))]
    tensor = network[name]
    ways = (lambda: tensor.double(), lambda: tensor.to(torch.int8), lambda: tensor.bool(), lambda: tensor.to(torch.complex64),
            lambda: tensor.float() * float("nan"), lambda: tensor.float() + float("inf"), lambda: tensor.reshape(-1)[:1],
            lambda: tensor[None], lambda: tensor.float().to_sparse(), lambda: tensor.to("meta"), lambda: tensor.numpy().tolist(),
            lambda: torch.zeros(1).expand(10**9), lambda: torch.empty(0), lambda: tensor.to(torch.float16), lambda: any_value(rng),
            lambda: torch.nn.Parameter(tensor.float()), lambda: torch.full_like(tensor, 127), lambda: tensor.float() * 1e38)
    value = ways[int(rng.integers(len(ways)))]()
    if rng.random() < 0.15:
        changed[any_key(rng)] = changed.pop(name)
    else:
        changed[name] = value
    return changed


def any_key(rng: np.random.Generator) -> Any:
    value = any_value(rng)
    return value if value is None or isinstance(value, (str, int, float)) else "other"


def rewritten_zip(raw: bytes, path: Path, rng: np.random.Generator) -> None:
    """The same records in a new zip file: one damaged, missing, doubled, renamed or deflated."""
    path.write_bytes(raw)
    with zipfile.ZipFile(path) as file:
        records = [(name, file.read(name)) for name in file.namelist()]
    at = int(rng.integers(min(len(records), 4))) if rng.random() < 0.5 else int(rng.integers(len(records)))
    name, data = records[at]
    ways = ([], [(name, data), (name, data)], [(name, damaged_bytes(data, rng))], [(f"../{name}", data)], [(name, b"")],
            [(name, data * 2)], [("/" + name, data)])
    records[at:at + 1] = ways[int(rng.integers(len(ways)))]
    form = zipfile.ZIP_DEFLATED if rng.random() < 0.2 else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", form) as file:
        for name, data in records:
            file.writestr(name, data)


def onnx(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: a deploy model without a sidecar, its graph, its metadata or its bytes damaged, run in ONNX Runtime; each tenth
    rebuilt in torch, too, as `verify` and `eval` do."""
    raw = base.model.read_bytes()
    for number in count():
        path, way = folder / f"{number}.onnx", rng.random()
        if way < 0.4:
            data = with_description(raw, changed_description(raw, rng))
        elif way < 0.8:
            data = changed_graph(raw, rng)
        else:
            data = damaged_bytes(raw, rng)
        path.write_bytes(data)
        yield lambda path=path, deep=number % 10 == 0: predict(path, deep)
        path.unlink()


def predict(path: Path, deep: bool) -> None:
    model = DeployModel.load(path, executor="onnxruntime", threads=1)
    model.predict(np.zeros((*HW, 3), np.uint8))
    if deep:
        reference_network(read_deploy_file(path))


def description(raw: bytes) -> str:
    return next(p.value for p in parsed(raw).metadata_props if p.key == METADATA_KEY)


def parsed(raw: bytes) -> ModelProto:
    model = ModelProto()
    model.ParseFromString(raw)
    return model


def forged(model: ModelProto) -> bytes:
    """A file without the hash of what it was, as files of earlier versions are: a forger leaves it out."""
    properties = {p.key: p.value for p in model.metadata_props if p.key != DIGEST_KEY}
    set_model_props(model, properties)
    return model.SerializeToString()


def with_description(raw: bytes, text: str) -> bytes:
    """The model with other metadata."""
    model = parsed(raw)
    next(p for p in model.metadata_props if p.key == METADATA_KEY).value = text
    return forged(model)


def changed_description(raw: bytes, rng: np.random.Generator) -> str:
    """The metadata with wrong values, or no JSON any more. Half of the changes are outside of the config and the exponents, which
    are most of it."""
    values = json.loads(description(raw))
    if rng.random() < 0.3:
        return damaged_text(json.dumps(values).encode(), rng).decode("utf-8", "replace")
    key = sorted(values)[int(rng.integers(len(values)))]
    if rng.random() < 0.5:
        values[key] = change(values[key], rng)
        return json.dumps(values)
    return as_json(mutated(values, rng), rng).decode("utf-8", "replace")


def changed_graph(raw: bytes, rng: np.random.Generator) -> bytes:
    """A whole ONNX file with another graph."""
    model = parsed(raw)
    graph = model.graph
    node = graph.node[int(rng.integers(len(graph.node)))]
    tensor = graph.initializer[int(rng.integers(len(graph.initializer)))]
    ends = (*graph.input, *graph.output)
    end = ends[int(rng.integers(len(ends)))]
    text = str(any_key(rng)).encode("utf-8", "replace").decode()
    big = (0, 1, -1, 7, 10**9, 2**62)[int(rng.integers(6))]
    way = int(rng.integers(14))
    if way == 0:
        graph.node.remove(node)
    elif way == 1:
        node.op_type = ("Conv", "Loop", "Add", "Reshape", "NoSuchOp", text)[int(rng.integers(6))]
    elif way == 2:
        node.domain = ("com.other", "ai.onnx.ml", text)[int(rng.integers(3))]
    elif way == 3 and node.input:
        node.input[int(rng.integers(len(node.input)))] = node.output[0] if rng.random() < 0.5 else text
    elif way == 4:
        tensor.dims[:] = [big, *list(tensor.dims)[1:]]
    elif way == 5:
        tensor.raw_data = tensor.raw_data[:int(rng.integers(len(tensor.raw_data) + 1))]
    elif way == 6:
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", ("/etc/passwd", "../../../etc/passwd", "x.bin", text)[int(rng.integers(4))]
        tensor.ClearField("raw_data")
    elif way == 7 and end.type.tensor_type.shape.dim:
        dims = end.type.tensor_type.shape.dim
        dims[int(rng.integers(len(dims)))].dim_value = big
    elif way == 8:
        end.type.tensor_type.elem_type = int(rng.integers(0, 25))
    elif way == 9:
        end.name = text
    elif way == 10:
        model.opset_import[0].version = int(rng.choice([0, 1, 9, 30, 10**6]))
    elif way == 11 and node.attribute:
        attribute = node.attribute[int(rng.integers(len(node.attribute)))]
        attribute.i, attribute.f = big, float("nan")
        attribute.ints[:] = [big] * int(rng.integers(5))
    elif way == 12:
        tensor.data_type = int(rng.integers(0, 25))
    else:
        model.ir_version = int(rng.choice([0, 3, 99, 2**40]))
    return forged(model)


def sidecars(base: Base, folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Each case: a whole model beside a damaged sidecar; some are given the model's hash again."""
    raw = base.model.read_bytes()
    path, sidecar = folder / "model.onnx", folder / "model.json"
    path.write_bytes(raw)
    good = json.loads(base.model.with_suffix(".json").read_text())
    while True:
        values = mutated(good, rng)
        if isinstance(values, dict) and rng.random() < 0.5:
            values["sha256"] = hashlib.sha256(raw).hexdigest()
        data = as_json(values, rng)
        sidecar.write_bytes(damaged_text(data, rng) if rng.random() < 0.4 else data)
        yield lambda: read(path)


def read(path: Path) -> None:
    read_deploy_file(path)
