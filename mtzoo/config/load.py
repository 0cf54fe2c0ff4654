"""Config file -> ExperimentConfig. Configs are Python and run as code: open only those you would run."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from unittest import mock

from mmengine.config import Config
from mmengine.config import config as mmengine_config

from mtzoo.config.overrides import TABLES, TOP_KEYS, override, select_tasks
from mtzoo.config.plain import plain
from mtzoo.config.schema import ExperimentConfig
from mtzoo.config.task import AuxiliaryHead, LossSpec, TaskConfig
from mtzoo.data.sources import SOURCES, Source
from mtzoo.errors import UserError, did_you_mean, one_line, shown, without_middle
from mtzoo.graph_spec import NodeSpec
from mtzoo.plain_data import build, convert

MAX_BYTES = 1 << 20  # of a config file; the largest here has 3 KB
TASK_KEYS = ("kind", "classes", "nodes", "train", "val", "loss", "boxes", "labels", "image_label", "quantization", "auxiliary",
             "oversample_thr")


def load_config(path: Path, options: Mapping[str, Any] | None = None, tasks: Sequence[str] | None = None) -> ExperimentConfig:
    """Read, override, check and build a config.

    options: dotted keys -> values (`--cfg-options`); tasks: keep only these, with what only the others need dropped.
    Raises UserError naming the file and the key.
    """
    values = read_config(path)
    try:
        return config_from_dict(select_tasks(override(values, options or {}), tasks))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_config(path: Path) -> dict[str, Any]:
    """What a config file says, as plain data, with its name. Raises UserError naming the file and the key."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path}: {path.stat().st_size:,} bytes; a config has {MAX_BYTES:,} at most: keep data in files of their own")
    try:
        with _byte_order_mark_allowed():
            values = Config.fromfile(str(path), lazy_import=True).to_dict()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a config is code: anything may come out of it, SystemExit too
        raise UserError(f"{path}: {type(error).__name__}: {without_middle(one_line(str(error)))}") from error
    try:
        values = plain({key: value for key, value in values.items() if not key.startswith("_")})
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return {"name": f"{path.resolve().parent.name}/{path.stem}", **values}


@contextmanager
def _byte_order_mark_allowed() -> Iterator[None]:
    """mmengine opens configs as plain UTF-8, and the byte order mark of some editors is then a syntax error."""
    def open_utf8(file: str, mode: str = "r", encoding: str | None = None) -> IO[str]:
        return open(file, mode, encoding="utf-8-sig" if encoding == "utf-8" and mode == "r" else encoding)

    with mock.patch.object(mmengine_config, "open", open_utf8, create=True):
        yield


def config_from_dict(values: Mapping[str, Any]) -> ExperimentConfig:
    """Build from plain data (a config's, or the JSON a checkpoint or a deploy model carries).

    Raises UserError naming the key for what is no plain data, unknown, missing or out of bounds.
    """
    values = plain(values)
    if not isinstance(values, dict):
        raise UserError(f"{shown(values)} is not a config: expected a dict")
    for key in values:
        if key not in (*TOP_KEYS, "name"):
            raise UserError(f"{key}: unknown key{did_you_mean(key, TOP_KEYS)}")
    for key in TABLES:
        convert(Mapping[str, Mapping[str, object]], values.get(key, {}), key)
    tasks = values.get("tasks")
    if not isinstance(tasks, Mapping) or not tasks:
        raise UserError("tasks is empty; a config needs at least one task: tasks = dict(name=dict(kind=..., ...))")
    used = {k: v for k, v in values.items() if k not in (*TABLES, "data_root", "tasks")}
    used["tasks"] = tuple(_task(name, task, values) for name, task in tasks.items())
    defaults = {"int_inference_export_input_shape": {},
                "photometric": {}, "quantization": {}, "env": {}, "loss_balance": "fixed", "samples_per_epoch": None,
                "load_from": None, "pipeline_test": {}, "merge": {}, "channels": {},
                "resolved": values}
    config = build(ExperimentConfig, {**defaults, **used}, "")
    return replace(config, int_inference_export_input_shape=config.export_input)


def config_hash(config: ExperimentConfig) -> str:
    """sha256 of the resolved config, first 16 hex digits: which run made a file.

    Where the teacher's file lies is left out: a run goes on when the file has moved, and itself checks that it is the same.
    """
    values = dict(config.resolved)
    if isinstance(distillation := values.get("distillation"), Mapping):
        values["distillation"] = {key: value for key, value in distillation.items() if key != "teacher"}
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _task(name: str, task: object, values: Mapping[str, Any]) -> TaskConfig:
    where = f"tasks.{name}"
    if not isinstance(task, Mapping):
        raise UserError(f"{where}: expected a dict, got {shown(task)}")
    for key in task:
        if key not in TASK_KEYS:
            raise UserError(f"{where}.{key}: unknown key{did_you_mean(key, TASK_KEYS)}")
    for key in ("kind", "classes", "nodes", "loss", "train", "val"):
        if key not in task:
            raise UserError(f"{where}: '{key}' is missing; add it")
    classes = convert(tuple[str, ...], task["classes"], f"{where}.classes")
    given = {k: v for k, v in task.items() if k not in ("nodes", "train", "val", "loss", "auxiliary")}
    return build(TaskConfig, {
        **given, "name": name,
        "nodes": _nodes(task["nodes"], values.get("nodes", {}), len(classes), f"{where}.nodes"),
        "train_sources": _sources(task["train"], values, f"{where}.train"),
        "val_sources": _sources(task["val"], values, f"{where}.val"),
        "loss": _loss(task["loss"], f"{where}.loss"),
        "auxiliary": _auxiliary(task.get("auxiliary", ()), values.get("nodes", {}), len(classes), f"{where}.auxiliary"),
    }, where)


def _nodes(items: object, table: Mapping[str, Any], num_classes: int, where: str) -> tuple[NodeSpec, ...]:
    """Node specs in order; the last is the head and learns the number of classes from its task."""
    found = convert(tuple[object, ...], items, where)
    return tuple(_node(item, table, num_classes if i == len(found) - 1 else None, f"{where}[{i}]") for i, item in enumerate(found))


def _node(item: object, table: Mapping[str, Any], num_classes: int | None, where: str) -> NodeSpec:
    """item: a whole spec, or a name in the table, whose entry may have a `name` of its own, which is a parameter then.
    num_classes: of a head."""
    spec = _look_up(item, table, where)
    for key in ("name", "type"):
        if key not in spec:
            raise UserError(f"{where}: '{key}' is missing; add it")
    inputs, name, kind = spec.pop("inputs", "image"), spec.pop("name"), spec.pop("type")
    if isinstance(item, str):
        spec |= {"name": name} if name != item else {}
        name = item
    if num_classes is not None:
        spec.setdefault("num_classes", num_classes)
    names = (inputs,) if isinstance(inputs, str) else convert(tuple[str, ...], inputs, f"{where}.inputs")
    return NodeSpec(convert(str, name, f"{where}.name"), convert(str, kind, f"{where}.type"), names, spec)


def _auxiliary(items: object, table: Mapping[str, Any], num_classes: int, where: str) -> tuple[AuxiliaryHead, ...]:
    heads = []
    for i, item in enumerate(convert(tuple[object, ...], items, where)):
        place = f"{where}[{i}]"
        if not isinstance(item, Mapping) or "node" not in item:
            raise UserError(f"{place}: expected a dict with 'node': dict(node=dict(name=..., type=..., inputs=[...]), weight=0.4)")
        values = {**item, "node": _node(item["node"], table, num_classes, f"{place}.node")}
        if "loss" in item:
            if isinstance(item["loss"], Mapping) and "weight" in item["loss"]:
                raise UserError(f"{place}.loss.weight: an auxiliary head's weight stands beside its node; write {place}.weight")
            values["loss"] = _loss(item["loss"], f"{place}.loss")
        heads.append(build(AuxiliaryHead, values, place))
    return tuple(heads)


def _sources(items: object, values: Mapping[str, Any], where: str) -> tuple[Source, ...]:
    root = convert(str, values.get("data_root", "data"), "data_root")
    sources = []
    for place, spec in _look_up_all(items, values.get("sources", {}), where):
        kind = convert(str, spec.pop("type", ""), f"{place}.type")
        if kind not in SOURCES:
            raise UserError(f"{place}.type={kind!r}: no such source{did_you_mean(kind, SOURCES)}")
        spec = {k: v.replace("{data_root}", root) if isinstance(v, str) else v for k, v in spec.items()}
        sources.append(build(SOURCES[kind], spec, place))
    return tuple(sources)


def _look_up_all(items: object, table: Mapping[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    """(its place in the config, a copy of the spec) of each item."""
    places = [(f"{where}[{i}]", item) for i, item in enumerate(convert(tuple[object, ...], items, where))]
    return [(place, _look_up(item, table, place)) for place, item in places]


def _look_up(item: object, table: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A copy of a spec: a dict in place, or a name in one of the config's tables."""
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, str) and item in table:
        return {"name": item, **table[item]}
    raise UserError(f"{place}={shown(item)}: no such name{did_you_mean(str(item), table)}")


def _loss(spec: object, where: str) -> LossSpec:
    if not isinstance(spec, Mapping) or "type" not in spec:
        raise UserError(f"{where}: expected a dict with a 'type', got {shown(spec)}")
    params = {k: v for k, v in spec.items() if k not in ("type", "weight")}
    return build(LossSpec, {k: v for k, v in spec.items() if k in ("type", "weight")} | {"params": params}, where)
