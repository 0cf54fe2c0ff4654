"""The network that a config for own data gets: that of a trained network's config with other heads, or a small one from scratch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtzoo.errors import UserError
from mtzoo.task_kind import task_kind

SCRATCH: Mapping[str, Any] = {
    "nodes": {"backbone": {"type": "VarGNetV2", "width": 0.5, "group_base": 8},
              "neck": {"type": "UnetNeck", "inputs": ["backbone"], "group_base": 8}},
    "tasks": {
        "det": {"kind": "detection", "nodes": ["backbone", "neck", {"inputs": ["neck"], "strides": [8, 16, 32]}]},
        "seg": {"kind": "segmentation", "nodes": ["backbone", "neck", {"inputs": ["neck"], "strides": [4, 8], "channels": 32}]},
        "cls": {"kind": "classification", "nodes": ["backbone", {"inputs": ["backbone"], "strides": [32]}]},
    },
    "quantization": {"weight_bits": 8, "activation_bits": 8, "scale_mode": "power_of_two"},
}
"""The network of a training from random weights, as a config says it. Its heads also serve kinds of tasks that others lack."""
LOSS_KEYS = ("logit_upsample", "lovasz_weight")
"""Of a task's loss: those that belong to the network and not to its classes."""


@dataclass(frozen=True)
class Head:
    """How a task reads the network. shared: names of nodes before the head, in order; spec: the head's without its name and classes;
    loss, labels: keys of the task that follow from the head's stride."""

    shared: tuple[str, ...]
    spec: Mapping[str, Any]
    loss: Mapping[str, Any]
    labels: Mapping[str, Any]


@dataclass(frozen=True)
class OwnNetwork:
    """nodes: table of shared nodes; heads: kind of task -> its head; first_fold: patterns of the nodes whose BN step 1 folds."""

    nodes: Mapping[str, Mapping[str, Any]]
    heads: Mapping[str, Head]
    first_fold: tuple[str, ...]
    quantization: Mapping[str, Any]


def own_network(config: Mapping[str, Any], kinds: Sequence[str], name: str) -> OwnNetwork:
    """The network of a config, as plain data, for tasks of these kinds. name: whose config it is, for messages.

    A kind that it has no task of gets a head on its backbone or neck. Raises UserError if that is not there.
    """
    heads = {kind: _head(config, kind, name) for kind in dict.fromkeys(kinds)}
    used = dict.fromkeys(node for head in heads.values() for node in head.shared)
    nodes = {node: {key: value for key, value in config["nodes"][node].items() if key != "weights"} for node in used}
    folded = tuple(f"nodes.{node}.*" for node in ("backbone", "neck") if node in nodes)
    return OwnNetwork(nodes, heads, folded, config.get("quantization") or SCRATCH["quantization"])


def _head(config: Mapping[str, Any], kind: str, name: str) -> Head:
    task = _first_task(config, kind) or _first_task(SCRATCH, kind)
    *shared, head = task["nodes"]
    if missing := [node for node in shared if node not in config["nodes"]]:
        raise UserError(f"{name}: its network has no {kind} task, and no node '{missing[0]}' that one could be put on; start from "
                        "another --checkpoint, or --from-scratch")
    loss = {key: value for key, value in task.get("loss", {}).items() if key in LOSS_KEYS}
    spec = {"type": task_kind(kind).head, **{key: value for key, value in head.items() if key != "name"}}
    return Head(tuple(shared), spec, loss, task.get("labels") or {})


def _first_task(config: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The first task of the kind whose shared nodes are named: they can stand in another config's table."""
    for task in config["tasks"].values():
        *shared, head = task["nodes"]
        if task["kind"] == kind and all(isinstance(node, str) for node in shared) and isinstance(head, Mapping):
            return task
    return None


def python_text(value: Any) -> str:
    """Plain data as Python text, mappings as calls of dict, strings in double quotes."""
    if isinstance(value, Mapping):
        return f"dict({', '.join(f'{key}={python_text(each)}' for key, each in value.items())})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(python_text, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
