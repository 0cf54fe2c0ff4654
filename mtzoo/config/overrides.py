"""What is overridden in a config: `--cfg-options` and `--tasks`, and which of it changes nothing."""

import fnmatch
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from mtzoo.config.plain import plain
from mtzoo.errors import UserError, cut, did_you_mean, shown
from mtzoo.models.channel_plan import node_channels
from mtzoo.quantization.qconfig import node_of
from mtzoo.task_kind import KINDS

TABLES = {"nodes": ("nodes",), "sources": ("train", "val")}
"""Table of named specs -> the keys of a task that refer to it, by name or with a copy."""
BOX_INPUTS = ("im_hw", "crop_xy")
TOP_KEYS = (*TABLES, "data_root", "tasks", "train_geometry", "deploy_geometry", "int_inference_export_input_shape", "solver",
            "fusion_bn_patterns", "photometric", "quantization", "env", "loss_balance", "samples_per_epoch", "load_from",
            "pipeline_test", "augmentation", "merge", "distillation", "sparsity", "channels")
IMAGES = ("type", "images", "num", "seed")
"""Keys of a source that say which images it has."""
NAME_OTHERS = ("solver", "distillation", "quantization", "sparsity", "fusion_bn_patterns")
"""Top keys that name tasks, nodes and layers."""
LAYER_PATTERNS = ("fusion_bn_patterns", "not_quant_pattern", "int16_pattern", "not_sparse_pattern")
CARRIED = ", though its checkpoint carries it to verbs that do"
_ABSENT = object()
Config = TypeVar("Config")


def override(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Plain config data with dotted keys replaced: {"solver.0.float_phase.epochs": 2}.

    What is changed in the tables `sources` and `nodes` reaches the tasks' copies of an entry, too: a config that says
    dict(sources["day"], categories=...) made one when it ran. {"nodes.backbone": {"type": ...}} of another type takes the place of the
    node that is there, whose `inputs` stay. Raises UserError for unknown keys.
    """
    before, changed = plain(values), plain(values)
    for key, value in options.items():
        top = key.split(".")[0]
        if top not in TOP_KEYS:
            raise UserError(f"--cfg-options {cut(key)}: unknown key{did_you_mean(top, TOP_KEYS)}")
        _check_second_key(key, before)
        try:
            path, value = key.split("."), plain(value, f"--cfg-options {key}")
            if top == "nodes" and len(path) == 2:
                _clear_other_node(changed[top][path[1]], value)
            _put(changed, path, value)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise UserError(f"--cfg-options {cut(key)}: no such place in the config ({error})") from error
    for table in TABLES:
        _update_copies(changed, before, table)
    return changed


def _clear_other_node(held: Any, value: Any) -> None:
    """Of a node that gets another type nothing stays but what it reads: parameters are those of a type."""
    if isinstance(held, dict) and isinstance(value, dict) and value.get("type", held.get("type")) != held.get("type"):
        for key in held.keys() - {"inputs"}:
            del held[key]


def _put(values: Any, path: Sequence[str], value: Any) -> None:
    """Set what `path` leads to. A dict is merged into the dict that is there."""
    *parents, last = path
    for part in parents:
        values = values.setdefault(part, {}) if isinstance(values, dict) else values[_index(values, part)]
    key = last if isinstance(values, dict) else _index(values, last)
    held = values.get(key) if isinstance(values, dict) else values[key]
    if isinstance(value, dict) and isinstance(held, dict):
        for name, item in value.items():
            _put(held, [name], item)
    else:
        values[key] = value


def _index(values: Any, part: str) -> int:
    if not isinstance(values, list):
        raise TypeError(f"{shown(values)} has no {shown(part)}")
    index = int(part)
    if not -len(values) <= index < len(values):
        raise IndexError(f"{part} of a list of {len(values)}")
    return index


def _check_second_key(key: str, values: Mapping[str, Any]) -> None:
    """A misspelt entry of a table would make a new one that nobody refers to."""
    top, _, rest = key.partition(".")
    name, table = rest.partition(".")[0], values.get(top)
    if top in (*TABLES, "tasks") and name and isinstance(table, Mapping) and name not in table:
        raise UserError(f"--cfg-options {cut(key)}: {top} has no '{cut(name)}'{did_you_mean(name, table)}")


def _update_copies(values: dict[str, Any], before: Mapping[str, Any], table: str) -> None:
    """Give the tasks' copies of a table's entries what was changed in the table; what a task says otherwise stays."""
    old, new = before.get(table), values.get(table)
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return
    for name, entry in old.items():
        if isinstance(entry, Mapping) and isinstance(new.get(name), Mapping) and new[name] != entry:
            for item in _items(values, table):
                if isinstance(item, dict) and _is_copy(item, name, table, old):
                    _follow(item, entry, new[name])


def _follow(item: dict[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for key in old.keys() | new.keys():
        if old.get(key, _ABSENT) != new.get(key, _ABSENT) and item.get(key, _ABSENT) == old.get(key, _ABSENT):
            if key in new:
                item[key] = new[key]
            else:
                item.pop(key, None)


def _is_copy(item: Mapping[str, Any], name: str, table: str, entries: Mapping[str, Any]) -> bool:
    """Whether a task's own spec was made of the entry `name` of a table: it has its name, or no other entry's and all its values. Of
    sources, those of the same images are enough, if no other entry has more in common with it."""
    entry = entries[name]
    if item.get("name") in entries:
        return item["name"] == name and item.get("type") == entry.get("type")
    if table != "sources":
        return all(item.get(key, _ABSENT) == value for key, value in entry.items())
    known = [other for other in entries.values() if isinstance(other, Mapping) and _may_be_made_of(item, other)]
    return entry in known and _common(item, entry) == max(_common(item, other) for other in known)


def _may_be_made_of(item: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    """A copy has all keys of its entry, and its images."""
    return entry.keys() <= item.keys() and all(item.get(key, _ABSENT) == entry.get(key, _ABSENT) for key in IMAGES)


def _common(item: Mapping[str, Any], entry: Mapping[str, Any]) -> int:
    return sum(item.get(key, _ABSENT) == value for key, value in entry.items())


def _items(values: Mapping[str, Any], table: str) -> list[Any]:
    """All that tasks list of a table: names and specs."""
    tasks = values.get("tasks")
    tasks = [task for task in tasks.values() if isinstance(task, Mapping)] if isinstance(tasks, Mapping) else []
    items = [item for task in tasks for key in TABLES[table] for item in _listed(task.get(key))]
    return items + [head.get("node") for task in tasks for head in _auxiliary(task) if table == "nodes"]


def _auxiliary(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [head for head in _listed(task.get("auxiliary")) if isinstance(head, Mapping)]


def _listed(value: object) -> Sequence[Any]:
    """A list as it is; nothing of what is none: it is refused further on."""
    return value if isinstance(value, list | tuple) else ()


def select_tasks(values: Mapping[str, Any], tasks: Sequence[str] | None) -> dict[str, Any]:
    """The config with only `tasks`: what is to be distilled of others goes, so do multipliers and layer patterns of their nodes, and
    without detection what only boxes need of the export's inputs."""
    known = values.get("tasks", {})
    if not tasks or not isinstance(known, Mapping):  # refused further on
        return dict(values)
    for task in tasks:
        if task not in known:
            raise UserError(f"--tasks {cut(task)}: the config has no such task{did_you_mean(task, known)}")
    kept = {name: task for name, task in known.items() if name in tasks}
    changes = _without_others(known, kept)
    selected = {key: _changed({key: value}, changes)[key] if key in NAME_OTHERS else value for key, value in values.items()}
    selected["tasks"] = {name: {**task, "quantization": _changed(task["quantization"], changes)}
                         if isinstance(task, Mapping) and task.get("quantization") else task for name, task in kept.items()}
    if _learns_nothing(selected.get("distillation")) and not _learns_nothing(values["distillation"]):
        selected["distillation"] = None
    if isinstance(values.get("channels"), Mapping):
        selected["channels"] = node_channels(values["channels"], _node_names(kept))
    if isinstance(values.get("augmentation"), Mapping):
        selected["augmentation"] = _without_pasted(values["augmentation"], known.keys() - kept)
    shape = values.get("int_inference_export_input_shape")
    with_size = [kind.name for kind in KINDS.values() if kind.original_pixels]
    if isinstance(shape, Mapping) and not any(isinstance(t, Mapping) and t.get("kind") in with_size for t in kept.values()):
        selected["int_inference_export_input_shape"] = {key: value for key, value in shape.items() if key not in BOX_INPUTS}
    return selected


def _node_names(tasks: Mapping[str, Any]) -> set[str]:
    """Names of the nodes that some tasks need, auxiliary heads among them."""
    nodes = _items({"tasks": tasks}, "nodes")
    return {str(node.get("name")) if isinstance(node, Mapping) else str(node) for node in nodes}


def _without_others(known: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """Key -> what its value becomes without what only names tasks, nodes or layers of `known` that are not in `kept`."""
    gone, nodes = known.keys() - kept, _node_names(kept)
    gone_nodes = _node_names(known) - nodes

    def of_task(name: str) -> bool:
        return re.split("[./]", name)[0] not in gone

    def of_node(pattern: str) -> bool:
        return bool(fnmatch.filter(nodes, pattern)) or not fnmatch.filter(gone_nodes, pattern)

    def of_layer(pattern: str) -> bool:
        return of_node(node_of(pattern))

    def patterns(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {step: patterns(own) for step, own in value.items()}
        return [own for own in value if not isinstance(own, str) or of_layer(own)] if isinstance(value, list | tuple) else value

    def factors(keep: Callable[[str], bool]) -> Callable[[Any], Any]:
        return lambda value: {key: own for key, own in value.items() if keep(key)} if isinstance(value, Mapping) else value

    return {"multipliers": factors(of_node), "metric": factors(of_task), "outputs": factors(of_task),
            "features": factors(lambda name: of_node(name.partition(".")[0])), **dict.fromkeys(LAYER_PATTERNS, patterns)}


def _changed(values: Any, changes: Mapping[str, Callable[[Any], Any]]) -> Any:
    """A copy of plain data; the values of the keys in `changes`, wherever they stand, are what these make of them."""
    if isinstance(values, list | tuple):
        return [_changed(value, changes) for value in values]
    if not isinstance(values, Mapping):
        return values
    return {key: changes[key](value) if key in changes else _changed(value, changes) for key, value in values.items()}


def _learns_nothing(distillation: Any) -> bool:
    """Whether its outputs and features are none."""
    return isinstance(distillation, Mapping) and distillation.get("outputs") == {} and not distillation.get("features")


def _without_pasted(augmentation: Mapping[str, Any], gone: Collection[str]) -> dict[str, Any]:
    """The data of `augmentation` without copy-paste of tasks that are gone."""
    pasted = augmentation.get("copy_paste")
    if not isinstance(pasted, Mapping) or not isinstance(pasted.get("classes"), Mapping):
        return dict(augmentation)
    classes = {task: names for task, names in pasted["classes"].items() if task not in gone}
    return {**augmentation, "copy_paste": {**pasted, "classes": classes} if classes else None}


def idle_overrides(values: Mapping[str, Any], options: Mapping[str, Any], tasks: Sequence[str] = (), *,
                   build: Callable[[dict[str, Any]], Config], part: Callable[[Config], object], verb: str,
                   carried: bool = False) -> list[str]:
    """A line for each override that changes nothing, with the reason.

    values: the config before; build: plain config data -> the config; part: what the verb takes from it, comparable; verb: as the user
    calls it; carried: whether it writes a checkpoint, with the whole config for other verbs.
    """
    whole = override(values, options)
    config, lines = build(select_tasks(whole, tasks)), []
    for key in options:
        try:
            others = override(values, {k: v for k, v in options.items() if k != key})
            without = build(select_tasks(others, tasks))
        except UserError:
            continue  # the config needs this one to be whole
        if without == config:
            lines.append(f"--cfg-options {cut(key)}: changes nothing; {_reason(key, others, whole, tasks)}")
        elif part(without) == part(config):
            lines.append(f"--cfg-options {cut(key)}: changes nothing; {verb} does not read it{CARRIED if carried else ''}")
    known = values.get("tasks")
    if tasks and isinstance(known, Mapping) and set(tasks) >= set(known):
        lines.append("--tasks: changes nothing; it names all tasks of the config")
    return lines


def _reason(key: str, others: Mapping[str, Any], whole: Mapping[str, Any], tasks: Sequence[str]) -> str:
    top, _, rest = key.partition(".")
    name = rest.partition(".")[0]
    if others == whole:
        return "that is its value already"
    if top == "data_root":
        return "no data source lies in data_root"
    if top in TABLES and not any(item == name or isinstance(item, Mapping) and _is_copy(item, name, top, whole[top])
                                 for item in _items(select_tasks(whole, tasks), top)):
        return f"no task uses {top}.{cut(name)}"
    if top == "tasks" and tasks and name not in tasks:
        return f"--tasks leaves {cut(name)} out"
    return "that is the default"
