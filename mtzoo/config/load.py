"""Config file -> ExperimentConfig. Configs are Python and run as code: open only those you would run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mtzoo.config.schema import ExperimentConfig, LossSpec, TaskConfig
from mtzoo.data.sources import SOURCES, Source
from mtzoo.errors import UserError, did_you_mean
from mtzoo.models.channel_plan import node_channels
from mtzoo.models.task_graph import NodeSpec
from mtzoo.plain_data import build, convert

TABLES = ("nodes", "sources")  # named specs that tasks refer to
TASK_KEYS = ("kind", "classes", "nodes", "train", "val", "loss", "boxes", "labels", "quantization")
BOX_INPUTS = ("im_hw", "crop_xy")
TOP_KEYS = (*TABLES, "data_root", "tasks", "train_geometry", "deploy_geometry", "int_inference_export_input_shape", "solver",
            "fusion_bn_patterns", "photometric", "quantization", "env", "loss_balance", "samples_per_epoch", "pipeline_test",
            "merge", "distillation", "sparsity", "channels")


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
        return config_from_dict(plain({"name": name, **select_tasks(values, tasks)}))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def plain(values: object, where: str = "") -> Any:
    """Config data as JSON would give it back: dicts with text keys, lists, texts, numbers, booleans, None.

    Raises UserError naming the key of anything else.
    """
    if isinstance(values, Mapping):
        return {str(key): plain(value, f"{where}.{key}" if where else str(key)) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value, f"{where}[{i}]") for i, value in enumerate(values)]
    if values is None or isinstance(values, bool | int | float | str):
        return values
    text = " ".join(repr(values).split())
    raise UserError(f"{where}={text[:80]}: a config holds texts, numbers, booleans, None, lists and dicts only")


def override(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Plain config data with dotted keys replaced: {"solver.0.float_phase.epochs": 2}. Raises UserError for unknown keys."""
    for key in options:
        top = key.split(".")[0]
        if top not in TOP_KEYS:
            raise UserError(f"--cfg-options {key}: unknown key{did_you_mean(top, TOP_KEYS)}")
        _check_second_key(key, values)
    config = Config(dict(values))
    for key, value in options.items():
        try:
            config.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise UserError(f"--cfg-options {key}: no such place in the config ({' '.join(str(error).split())})") from error
    return config.to_dict()


def _check_second_key(key: str, values: Mapping[str, Any]) -> None:
    """A misspelt entry of a table would make a new one that nobody refers to."""
    top, _, rest = key.partition(".")
    name, table = rest.partition(".")[0], values.get(top)
    if top in (*TABLES, "tasks") and name and isinstance(table, Mapping) and name not in table:
        raise UserError(f"--cfg-options {key}: {top} has no '{name}'{did_you_mean(name, table)}")


def select_tasks(values: dict[str, Any], tasks: Sequence[str] | None) -> dict[str, Any]:
    """The config with only `tasks`: what is to be distilled of others goes, and without detection what only boxes need of the
    export's inputs."""
    if not tasks:
        return values
    known = values.get("tasks", {})
    if not isinstance(known, Mapping):
        return values  # refused further on
    for task in tasks:
        if task not in known:
            raise UserError(f"--tasks {task}: the config has no such task{did_you_mean(task, known)}")
    kept = {name: task for name, task in known.items() if name in tasks}
    selected = {**values, "tasks": kept}
    taught = values.get("distillation")
    if isinstance(taught, Mapping) and isinstance(taught.get("outputs"), Mapping):
        outputs = {name: weight for name, weight in taught["outputs"].items() if name.partition(".")[0] not in known.keys() - kept}
        selected["distillation"] = {**taught, "outputs": outputs}
    if isinstance(values.get("channels"), Mapping):
        selected["channels"] = node_channels(values["channels"], _node_names(kept))
    shape = values.get("int_inference_export_input_shape")
    if isinstance(shape, Mapping) and all(not isinstance(t, Mapping) or t.get("kind") != "detection" for t in kept.values()):
        selected["int_inference_export_input_shape"] = {key: value for key, value in shape.items() if key not in BOX_INPUTS}
    return selected


def _node_names(tasks: Mapping[str, Any]) -> set[str]:
    """Names of the nodes that some tasks need."""
    nodes = [node for task in tasks.values() if isinstance(task, Mapping) for node in task.get("nodes", ())]
    return {str(node.get("name")) if isinstance(node, Mapping) else str(node) for node in nodes}


def config_from_dict(values: Mapping[str, Any]) -> ExperimentConfig:
    """Build from plain data (a config's, or the JSON a checkpoint or a deploy model carries)."""
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
    defaults = {"photometric": {}, "quantization": {}, "env": {}, "loss_balance": "fixed", "samples_per_epoch": None,
                "pipeline_test": {"iterations": 4, "batch_size": 2}, "merge": {}, "channels": {},
                "resolved": values}
    return build(ExperimentConfig, {**defaults, **used}, "")


def config_hash(config: ExperimentConfig) -> str:
    """sha256 of the resolved config, first 16 hex digits: which run made a file.

    Where the teacher's file lies is left out: a run goes on when the file has moved, and itself checks that it is the same.
    """
    values = dict(config.resolved)
    if isinstance(taught := values.get("distillation"), Mapping):
        values["distillation"] = {key: value for key, value in taught.items() if key != "teacher"}
    text = json.dumps(values, sort_keys=True)
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


def _nodes(items: object, table: Mapping[str, Any], num_classes: int, where: str) -> tuple[NodeSpec, ...]:
    """Node specs in order; the last is the head and learns the number of classes from its task."""
    found = _look_up_all(items, table, where)
    specs = []
    for place, spec in found:
        for key in ("name", "type"):
            if key not in spec:
                raise UserError(f"{place}: '{key}' is missing; add it")
        inputs, name, kind = spec.pop("inputs", "image"), spec.pop("name"), spec.pop("type")
        if place == found[-1][0]:
            spec.setdefault("num_classes", num_classes)
        names = (inputs,) if isinstance(inputs, str) else convert(tuple[str, ...], inputs, f"{place}.inputs")
        specs.append(NodeSpec(convert(str, name, f"{place}.name"), convert(str, kind, f"{place}.type"), names, spec))
    return tuple(specs)


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
    """(its place in the config, a copy of the spec) of each item: a dict in place, or a name in one of the config's tables."""
    found = []
    for i, item in enumerate(convert(tuple[object, ...], items, where)):
        place = f"{where}[{i}]"
        if isinstance(item, Mapping):
            found.append((place, dict(item)))
        elif isinstance(item, str) and item in table:
            found.append((place, {"name": item, **table[item]}))
        else:
            raise UserError(f"{place}={item!r}: no such name{did_you_mean(str(item), table)}")
    return found


def _loss(spec: object, where: str) -> LossSpec:
    if not isinstance(spec, Mapping) or "type" not in spec:
        raise UserError(f"{where}: a dict with a 'type' is wanted, got {spec!r}")
    params = {k: v for k, v in spec.items() if k not in ("type", "weight")}
    return build(LossSpec, {k: v for k, v in spec.items() if k in ("type", "weight")} | {"params": params}, where)
