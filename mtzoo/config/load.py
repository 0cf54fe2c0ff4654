"""Config file -> ExperimentConfig. Configs are Python and run as code: open only those you would run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mtzoo.config.build import build, convert
from mtzoo.config.schema import ExperimentConfig, LossSpec, TaskConfig
from mtzoo.data.sources import SOURCES, Source
from mtzoo.errors import UserError, did_you_mean
from mtzoo.models.task_graph import NodeSpec

TABLES = ("nodes", "sources")  # named specs that tasks refer to
TASK_KEYS = ("kind", "classes", "nodes", "train", "val", "loss", "boxes", "labels", "quantization")
TOP_KEYS = (*TABLES, "data_root", "tasks", "train_geometry", "deploy_geometry", "int_inference_export_input_shape", "solver",
            "fusion_bn_patterns", "photometric", "quantization", "env", "loss_balance", "samples_per_epoch", "pipeline_test")


def load_config(path: Path, options: Mapping[str, Any] | None = None, tasks: Sequence[str] | None = None) -> ExperimentConfig:
    """Read, override, check and build a config.

    options: dotted keys -> values (`--cfg-options`); tasks: keep only these, with what only the others need dropped.
    Raises UserError naming the file and the key.
    """
    try:
        config = Config.fromfile(str(path), lazy_import=True)
    except Exception as error:  # a config is code: anything may come out of it
        raise UserError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    try:
        values = {k: v for k, v in config.to_dict().items() if not k.startswith("_")}
        values = override(values, options or {})
        name = f"{path.resolve().parent.name}/{path.stem}"
        return config_from_dict(json.loads(json.dumps({"name": name, **select_tasks(values, tasks)})))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (TypeError, KeyError, IndexError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from error


def override(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Plain config data with dotted keys replaced: {"solver.0.float_phase.epochs": 2}. Raises UserError for unknown keys."""
    for key in options:
        top = key.split(".")[0]
        if top not in TOP_KEYS:
            raise UserError(f"--cfg-options {key}: unknown key{did_you_mean(top, TOP_KEYS)}")
    config = Config(dict(values))
    config.merge_from_dict(dict(options))
    return config.to_dict()


def select_tasks(values: dict[str, Any], tasks: Sequence[str] | None) -> dict[str, Any]:
    """The config with only `tasks`; without detection `im_hw` goes too."""
    if not tasks:
        return values
    known = values.get("tasks", {})
    for task in tasks:
        if task not in known:
            raise UserError(f"--tasks {task}: the config has no such task{did_you_mean(task, known)}")
    kept = {name: task for name, task in known.items() if name in tasks}
    selected = {**values, "tasks": kept}
    if all(task.get("kind") != "detection" for task in kept.values()):
        shape = dict(values.get("int_inference_export_input_shape", {}))
        shape.pop("im_hw", None)
        selected["int_inference_export_input_shape"] = shape
    return selected


def config_from_dict(values: Mapping[str, Any]) -> ExperimentConfig:
    """Build from plain data (a config's, or the JSON a checkpoint or a deploy model carries)."""
    for key in values:
        if key not in (*TOP_KEYS, "name"):
            raise UserError(f"{key}: unknown key{did_you_mean(key, TOP_KEYS)}")
    tasks = values.get("tasks")
    if not isinstance(tasks, Mapping) or not tasks:
        raise UserError("tasks is empty; a config needs at least one task: tasks = dict(name=dict(kind=..., ...))")
    used = {k: v for k, v in values.items() if k not in (*TABLES, "data_root", "tasks")}
    used["tasks"] = tuple(_task(name, task, values) for name, task in tasks.items())
    defaults = {"photometric": {}, "quantization": {}, "env": {}, "loss_balance": "fixed", "samples_per_epoch": None,
                "pipeline_test": {"iterations": 4, "batch_size": 2}, "resolved": values}
    return build(ExperimentConfig, {**defaults, **used}, "")


def config_hash(config: ExperimentConfig) -> str:
    """sha256 of the resolved config, first 16 hex digits: which run made a file."""
    text = json.dumps(config.resolved, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _task(name: str, task: object, values: Mapping[str, Any]) -> TaskConfig:
    where = f"tasks.{name}"
    if not isinstance(task, Mapping):
        raise UserError(f"{where}: a dict is wanted, got {task!r}")
    for key in task:
        if key not in TASK_KEYS:
            raise UserError(f"{where}.{key}: unknown key{did_you_mean(key, TASK_KEYS)}")
    for key in ("kind", "classes", "nodes", "loss", "train", "val"):
        if key not in task:
            raise UserError(f"{where}: '{key}' is missing; add it")
    classes = convert(tuple[str, ...], task["classes"], f"{where}.classes")
    given = {k: v for k, v in task.items() if k not in ("nodes", "train", "val", "loss")}
    return build(TaskConfig, {
        **given, "name": name,
        "nodes": _nodes(task["nodes"], values.get("nodes", {}), len(classes), f"{where}.nodes"),
        "train_sources": _sources(task["train"], values, f"{where}.train"),
        "val_sources": _sources(task["val"], values, f"{where}.val"),
        "loss": _loss(task["loss"], f"{where}.loss"),
    }, where)


def _nodes(items: Sequence[object], table: Mapping[str, Any], num_classes: int, where: str) -> tuple[NodeSpec, ...]:
    """Node specs in order; the last is the head and learns the number of classes from its task."""
    specs = []
    for i, item in enumerate(items):
        spec = dict(_lookup(item, table, f"{where}[{i}]"))
        for key in ("name", "type"):
            if key not in spec:
                raise UserError(f"{where}[{i}]: '{key}' is missing; add it")
        inputs = spec.pop("inputs", ("image",))
        name, kind = spec.pop("name"), spec.pop("type")
        if i == len(items) - 1:
            spec.setdefault("num_classes", num_classes)
        specs.append(NodeSpec(name, kind, (inputs,) if isinstance(inputs, str) else tuple(inputs), spec))
    return tuple(specs)


def _sources(items: Sequence[object], values: Mapping[str, Any], where: str) -> tuple[Source, ...]:
    root = str(values.get("data_root", "data"))
    sources = []
    for i, item in enumerate(items):
        spec = dict(_lookup(item, values.get("sources", {}), f"{where}[{i}]"))
        kind = spec.pop("type", None)
        if kind not in SOURCES:
            raise UserError(f"{where}[{i}].type={kind!r}: no such source{did_you_mean(str(kind), SOURCES)}")
        spec = {k: v.replace("{data_root}", root) if isinstance(v, str) else v for k, v in spec.items()}
        sources.append(build(SOURCES[kind], spec, f"{where}[{i}]"))
    return tuple(sources)


def _lookup(item: object, table: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """A spec given in place (a dict), or by its name in one of the config's tables."""
    if isinstance(item, Mapping):
        return item
    if item not in table:
        raise UserError(f"{where}={item!r}: no such name{did_you_mean(str(item), table)}")
    return {"name": item, **table[str(item)]}


def _loss(spec: object, where: str) -> LossSpec:
    if not isinstance(spec, Mapping) or "type" not in spec:
        raise UserError(f"{where}: a dict with a 'type' is wanted, got {spec!r}")
    params = {k: v for k, v in spec.items() if k not in ("type", "weight")}
    return build(LossSpec, {k: v for k, v in spec.items() if k in ("type", "weight")} | {"params": params}, where)
