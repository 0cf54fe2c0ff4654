"""Hostile deploy models and sidecars through the verbs that open one: nothing outside is read, no traceback, no hang, no bomb."""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from mtzoo.deploy.file import METADATA_KEY
from tests.robustness.base import Base
from tests.robustness.corpus import cases
from tests.robustness.fuzz_models import forged
from tests.robustness.harness import assert_held

Description = dict[str, Any]
SECRET = "root:x:0"  # of /etc/passwd


def external(model: onnx.ModelProto, location: str) -> None:
    """A weight that lies in another file."""
    tensor = next(t for t in model.graph.initializer if t.name.endswith(".weight"))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(10**6))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def cycle(model: onnx.ModelProto) -> None:
    nodes = model.graph.node
    nodes[2].input[0] = nodes[-1].output[0]


def dims(*values: int) -> Callable[[onnx.ModelProto], None]:
    return lambda model: model.graph.initializer[0].dims.__setitem__(slice(None), values)


def input_dims(*values: int) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        shape = model.graph.input[0].type.tensor_type.shape
        shape.ClearField("dim")
        for value in values:
            shape.dim.add().dim_value = value

    return change


def deep_graphs(depth: int) -> Callable[[onnx.ModelProto], None]:
    """If in If in If."""

    def change(model: onnx.ModelProto) -> None:
        graph = helper.make_graph([], "end", [], [])
        for _ in range(depth):
            node = helper.make_node("If", ["c"], ["d"], then_branch=graph, else_branch=helper.make_graph([], "x", [], []))
            graph = helper.make_graph([node], "g", [], [])
        model.graph.node.extend(graph.node)

    return change


def first(field: str, value: Any) -> Callable[[onnx.ModelProto], None]:
    return lambda model: setattr(model.graph.node[0], field, value)


def many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend(helper.make_node("Identity", ["image"], [f"i{k}"]) for k in range(200_000))


def bomb(model: onnx.ModelProto) -> None:
    """4 GiB made at run time of a few bytes."""
    model.graph.initializer.append(helper.make_tensor("bomb.shape", TensorProto.INT64, [3], [1024, 1024, 1024]))
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["bomb.shape"], ["bomb.values"]),
            helper.make_node("ReduceSum", ["bomb.values"], ["bomb.sum"]),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("bomb.sum", TensorProto.FLOAT, None))


def metadata(model: onnx.ModelProto, text: str) -> None:
    next(p for p in model.metadata_props if p.key == METADATA_KEY).value = text


GRAPHS: dict[str, Callable[[onnx.ModelProto], Any]] = {
    "external-absolute": lambda model: external(model, "/etc/passwd"),
    "external-up": lambda model: external(model, "../../../etc/passwd"),
    "external-beside": lambda model: external(model, "x.bin"),
    "external-nul": lambda model: external(model, "a\0b"),
    "external-fifo": lambda model: external(model, "fifo"),
    "cycle": cycle,
    "domain": first("domain", "com.evil"),
    "operator": first("op_type", "NoSuchOperator"),
    "operator-ansi": first("op_type", "\x1b[31m[/b]\n"),
    "operator-long": first("op_type", "N" * 5_000_000),
    "name-long": first("name", "N" * 5_000_000),
    "removed-first": lambda model: model.graph.node.__delitem__(0),
    "removed-last": lambda model: model.graph.node.__delitem__(-1),
    "no-nodes": lambda model: model.graph.ClearField("node"),
    "no-inputs": lambda model: model.graph.ClearField("input"),
    "no-outputs": lambda model: model.graph.ClearField("output"),
    "no-weights": lambda model: model.graph.ClearField("initializer"),
    "no-graph": lambda model: model.ClearField("graph"),
    "no-opset": lambda model: model.ClearField("opset_import"),
    "opset-9999": lambda model: setattr(model.opset_import[0], "version", 9999),
    "ir-9999": lambda model: setattr(model, "ir_version", 9999),
    "dims-huge": dims(10**9, 10**9),
    "dims-negative": dims(-1, 0, 2**62),
    "dims-one-more": dims(1, 1, 1, 1, 1, 1, 1, 1, 1),
    "input-huge": input_dims(1, 3, 10**7, 96),
    "input-negative": input_dims(1, 3, -64, 96),
    "input-flat": input_dims(12),
    "input-zero": input_dims(0, 3, 64, 96),
    "output-name": lambda model: setattr(model.graph.output[0], "name", "nowhere"),
    "same-output": lambda model: model.graph.node[1].output.__setitem__(0, model.graph.node[0].output[0]),
    "no-data": lambda model: model.graph.initializer[1].ClearField("raw_data"),
    "short-data": lambda model: setattr(next(t for t in model.graph.initializer if t.name.endswith(".weight")), "raw_data", b"\0"),
    "data-type": lambda model: setattr(model.graph.initializer[1], "data_type", 99),
    "data-string": lambda model: setattr(model.graph.initializer[1], "data_type", TensorProto.STRING),
    "deep": deep_graphs(20),
    "many-nodes": many_nodes,
    "bomb": bomb,
    "metadata-gone": lambda model: model.ClearField("metadata_props"),
    "metadata-empty": lambda model: metadata(model, ""),
    "metadata-deep": lambda model: metadata(model, "[" * 200_000 + "]" * 200_000),
    "metadata-deep-object": lambda model: metadata(model, '{"a":' * 200_000),
    "metadata-number": lambda model: metadata(model, "9" * 5000),
    "metadata-list": lambda model: metadata(model, "[1, 2]"),
    "metadata-text": lambda model: metadata(model, '"x"'),
    "metadata-null": lambda model: metadata(model, "null"),
    "metadata-nan": lambda model: metadata(model, "NaN"),
}
"""A name -> what is changed in the file."""


def put(*path: Any, value: Any) -> Callable[[Description], Description]:
    """The description with one value replaced."""

    def change(values: Description) -> Description:
        holder = changed = copy.deepcopy(values)
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value(holder[path[-1]]) if callable(value) else value
        return changed

    return change


def renamed(table: str, old: str, new: str) -> Callable[[Description], Description]:
    return put(table, value=lambda held: {new if key == old else key: entry for key, entry in held.items()})


DESCRIPTIONS: dict[str, Callable[[Description], Description]] = {
    "step": put("step", value="x"),
    "step-9": put("step", value=9),
    "integer": put("integer", value="no"),
    "integer-false": put("integer", value=False),
    "parameters": put("parameters", value=[1]),
    "format": put("format", value="other"),
    "task-renamed": renamed("tasks", "det", "other"),
    "tasks-list": put("tasks", value=[1]),
    "tasks-empty": put("tasks", value={}),
    "task-ansi": renamed("tasks", "det", "\x1b[31m"),
    "kind": put("tasks", "det", "kind", value="other"),
    "kind-segmentation": put("tasks", "det", "kind", value="segmentation"),
    "classes-number": put("tasks", "det", "classes", value=3),
    "classes-one": put("tasks", "seg", "classes", value=["a"]),
    "classes-none": put("tasks", "det", "classes", value=[]),
    "classes-numbers": put("tasks", "seg", "classes", value=[1, 2, 3]),
    "decoder": put("tasks", "det", "decoder", value={"x": 1}),
    "decoder-numbers": put("tasks", "det", "decoder", value=lambda held: dict.fromkeys(held, -1)),
    "decoder-texts": put("tasks", "det", "decoder", value=lambda held: dict.fromkeys(held, "x")),
    "decoder-stride": put("tasks", "seg", "decoder", value=lambda held: dict.fromkeys(held, 0)),
    "geometry-none": put("geometry", value=None),
    "geometry-size": put("geometry", "input_hw", value=[32, 48]),
    "geometry-huge": put("geometry", "input_hw", value=[10**6, 10**6]),
    "geometry-zero": put("geometry", "resized_hw", value=[0, 0]),
    "geometry-negative": put("geometry", "resized_hw", value=[-4, 9]),
    "geometry-texts": put("geometry", "input_hw", value=["a", "b"]),
    "geometry-one": put("geometry", "input_hw", value=[64]),
    "geometry-drop": put("geometry", "drop_top", value=10**9),
    "geometry-huge-resize": put("geometry", "resized_hw", value=[10**6, 10**6]),
    "window": put("geometry", "window", value={"x": 1}),
    "window-text": put("geometry", "window", value="x"),
    "inputs-empty": put("inputs", value=[]),
    "inputs-number": put("inputs", value=1),
    "input-name": put("inputs", 0, "name", value="other"),
    "input-dtype": put("inputs", 0, "dtype", value="complex"),
    "input-shape": put("inputs", 0, "shape", value=[1, 3, 10**9, 10**9]),
    "input-shape-texts": put("inputs", 0, "shape", value=["x"]),
    "outputs-empty": put("outputs", value=[]),
    "output-name": put("outputs", 0, "name", value="x.y.z"),
    "input-format": put("input_format", value="other"),
    "input-layout": put("input_layout", value="nhwc"),
    "graphs-empty": put("graphs", value={}),
    "graphs-list": put("graphs", value=[1]),
    "graph-nodes": put("graphs", "det", value=[]),
    "graph-type": put("graphs", "det", 0, "type", value="os.system"),
    "graph-params": put("graphs", "det", 0, "params", value={"width": 1e9}),
    "graph-params-text": put("graphs", "det", 0, "params", value="x"),
    "channels": put("channels", value={"x": ["y"]}),
    "channels-list": put("channels", value=[1]),
    "exponents-list": put("exponents", value=[1]),
    "exponents-empty": put("exponents", value={}),
    "exponents-other": put("exponents", value={"nowhere": {"weight": [1], "output": 2}}),
    "config-list": put("config", value=[1]),
    "config-none": put("config", value=None),
    "config-filename": put("config", value=lambda held: {**held, "filename": "/etc/passwd"}),
    "config-empty": put("config", value={}),
    "config-hash": put("config_hash", value=7),
    "more": lambda values: {**values, "\x1b": 1},
}
"""A name -> what is changed in the description, in metadata and sidecar alike."""
GOOD_ENOUGH = (
    "step-9",
    "integer",
    "integer-false",
    "parameters",
    "tasks-empty",
    "geometry-size",
    "window",
    "graphs-empty",
    "graphs-list",
    "graph-nodes",
    "graph-type",
    "graph-params",
    "graph-params-text",
    "channels",
    "exponents-list",
    "exponents-empty",
    "exponents-other",
    "config-list",
    "config-none",
    "config-filename",
    "config-empty",
    "config-hash",
    "geometry-drop",
    "output-name",
    "outputs-empty",
    "input-dtype",
    "input-shape",
    "input-name",
    "decoder-numbers",
    "geometry-huge-resize",
)
"""What `predict` may do without: there it is enough that nothing breaks."""

VERBS = ("predict", "onnxruntime", "verify", "eval")


def command(verb: str, model: Path, base: Base, folder: Path) -> list[Any]:
    if verb in ("predict", "onnxruntime"):
        executor = "openvino" if verb == "predict" else verb
        return ["predict", model, base.image, "--out", folder / "out" / "seen", "--executor", executor, "--threads", "1"]
    if verb == "verify":
        return ["verify", model, "--images", base.data / "images", "--limit", "1"]
    return ["eval", model, "--limit", "1"]


def changed_model(base: Base, change: Callable[[onnx.ModelProto], Any]) -> bytes:
    """The good model after a change, without the hash that would tell of it: a forger leaves it out."""
    model = onnx.ModelProto()
    model.ParseFromString(base.model.read_bytes())
    change(model)
    return forged(model)


@pytest.mark.parametrize(("name", "change"), cases(GRAPHS, ["external-absolute", "cycle", "domain", "metadata-deep", "dims-huge"]))
@pytest.mark.parametrize(
    "verb", ["onnxruntime", pytest.param("predict", marks=pytest.mark.fuzz), pytest.param("verify", marks=pytest.mark.fuzz)]
)
def test_hostile_graphs(name, change, verb, harness, base, tmp_path):
    path = tmp_path / "x.onnx"
    path.write_bytes(changed_model(base, change))
    if name == "external-fifo":
        os.mkfifo(tmp_path / "fifo")
    outcome = harness.verb(command(verb, path, base, tmp_path), tmp_path)
    good = name in ("name-long", "dims-one-more", "many-nodes", "ir-9999", "no-outputs", "output-name", "removed-last", "data-type")
    assert_held(outcome, (0, 2) if good else (2,))
    assert SECRET not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("name", "change"), cases(DESCRIPTIONS, ["task-renamed", "geometry-huge", "inputs-empty", "exponents-list"])
)
@pytest.mark.parametrize(
    "verb", ["onnxruntime", pytest.param("verify", marks=pytest.mark.fuzz), pytest.param("eval", marks=pytest.mark.fuzz)]
)
def test_hostile_descriptions(name, change, verb, harness, base, tmp_path):
    path = tmp_path / "x.onnx"

    def describe(model: onnx.ModelProto) -> None:
        metadata(model, json.dumps(change(json.loads(next(p.value for p in model.metadata_props if p.key == METADATA_KEY)))))

    path.write_bytes(changed_model(base, describe))
    assert_held(
        harness.verb(command(verb, path, base, tmp_path), tmp_path),
        (0, 1, 2) if name in GOOD_ENOUGH or verb != "onnxruntime" else (2,),
    )


FILES: dict[str, Callable[[Path, Base], Any]] = {
    "empty": lambda path, base: path.write_bytes(b""),
    "text": lambda path, base: path.write_text("hello\n" * 100),
    "cut": lambda path, base: path.write_bytes(base.model.read_bytes()[:-1000]),
    "folder": lambda path, base: path.mkdir(),
    "fifo": lambda path, base: os.mkfifo(path),
    "device": lambda path, base: path.symlink_to("/dev/zero"),
    "loop": lambda path, base: path.symlink_to(path),
    "sparse-6g": lambda path, base: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 6 << 30),
    "checkpoint": lambda path, base: path.write_bytes(base.float_checkpoint.read_bytes()),
    "nested-lengths": lambda path, base: path.write_bytes(b"\x3a\xff\xff\xff\xff\x07" * 1000),
}


@pytest.mark.parametrize(("name", "write"), cases(FILES, ["sparse-6g", "fifo", "cut"]))
def test_what_is_no_model(name, write, harness, base, tmp_path):
    write(tmp_path / "x.onnx", base)
    assert_held(harness.verb(command("predict", tmp_path / "x.onnx", base, tmp_path), tmp_path))


SIDECARS: dict[str, Callable[[Path, Base], Any]] = {
    "empty": lambda path, base: path.write_bytes(b""),
    "fifo": lambda path, base: os.mkfifo(path),
    "folder": lambda path, base: path.mkdir(),
    "device": lambda path, base: path.symlink_to("/dev/zero"),
    "deep": lambda path, base: path.write_text("[" * 200_000 + "]" * 200_000),
    "list": lambda path, base: path.write_text("[1]"),
    "no-hash": lambda path, base: path.write_text("{}"),
    "hash-number": lambda path, base: path.write_text('{"sha256": 1}'),
    "hash-other": lambda path, base: path.write_text('{"sha256": "x"}'),
    "latin": lambda path, base: path.write_bytes(b'{"sha256": "\xe9"}'),
    "sparse-6g": lambda path, base: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 6 << 30),
    "number": lambda path, base: path.write_text("9" * 5000),
    "hash-ansi": lambda path, base: path.write_text('{"sha256": "\\u001b[31m"}'),
}


@pytest.mark.parametrize(("name", "write"), cases(SIDECARS, ["fifo", "deep"]))
def test_hostile_sidecars(name, write, harness, base, tmp_path):
    (tmp_path / "x.onnx").write_bytes(base.model.read_bytes())
    write(tmp_path / "x.json", base)
    assert_held(harness.verb(command("verify", tmp_path / "x.onnx", base, tmp_path), tmp_path))


@pytest.mark.parametrize("name", ["xor", pytest.param("zeroed", marks=pytest.mark.fuzz)])
def test_verify_notices_changed_integers_without_a_sidecar(name, harness, base, tmp_path):
    def change(model: onnx.ModelProto) -> None:
        weight = max((t for t in model.graph.initializer if t.name.endswith(".weight")), key=lambda t: len(t.raw_data))
        data = bytearray(weight.raw_data)
        middle = len(data) // 2
        data[middle : middle + 64] = bytes([data[middle] ^ 3]) + data[middle + 1 : middle + 64] if name == "xor" else bytes(64)
        weight.raw_data = bytes(data)

    model = onnx.ModelProto()
    model.ParseFromString(base.model.read_bytes())
    change(model)
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    assert_held(harness.verb(command("verify", tmp_path / "x.onnx", base, tmp_path), tmp_path), (1, 2))
