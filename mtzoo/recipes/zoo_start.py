"""Which float weights of the zoo fit a config."""

from collections.abc import Mapping
from typing import Any

from mtzoo.config import ExperimentConfig
from mtzoo.engine.weights_file import read_weights_config
from mtzoo.errors import UserError
from mtzoo.locate import ZOO, list_zoo_weights


def zoo_start(config: ExperimentConfig) -> str | None:
    """`zoo:NAME` of the float weights that share most nodes with the config, first of all those of its name; of equal ones those with
    its input. None: no weights share its backbone, which each task's first node is. Files that cannot be read are left out."""
    own, best, most = _specs(config.resolved), None, (False, 0, False)
    backbones = {task.nodes[0].name for task in config.tasks}
    for name, path in list_zoo_weights().items():
        try:
            held = read_weights_config(path)
            shared = {node for node, spec in _specs(held).items() if own.get(node) == spec}
        except (UserError, TypeError, AttributeError, KeyError):  # a pulled file may say anything
            continue
        alike = held.get("deploy_geometry") == config.resolved.get("deploy_geometry")
        rank = (held.get("name") == config.name, len(shared), alike)
        if backbones <= shared and rank > most:
            best, most = f"{ZOO}{name}", rank
    return best


def _specs(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Node of a config's tasks -> what it is, but for the weights that it starts from."""
    table, found = values.get("nodes", {}), {}
    for task in values["tasks"].values():
        for node in task["nodes"]:
            name, spec = (node, table[node]) if isinstance(node, str) else (node["name"], node)
            found[name] = {key: value for key, value in spec.items() if key != "weights"}
    return found
