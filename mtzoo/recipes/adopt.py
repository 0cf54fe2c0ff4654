"""What a config takes over from the network that it is used with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.channels import adopt_channels
from mtzoo.console import PlainConsole
from mtzoo.engine.checkpoint import load_checkpoint
from mtzoo.graph_spec import REMOVED


def adopt_checkpoint(config: ExperimentConfig, path: Path, console: PlainConsole) -> ExperimentConfig:
    """The config with the channel plan and the sparsity of a checkpoint that is to be loaded; any other leaves it as it is."""
    return adopt(config, load_checkpoint(path).config, path, console)


def adopt(config: ExperimentConfig, held: Mapping[str, Any], path: Path, console: PlainConsole) -> ExperimentConfig:
    """The same with what a checkpoint or a run's marker at `path` holds."""
    adopted = adopt_channels(config, held, path)
    if adopted is not config:
        gone = sum(channels == REMOVED for channels in adopted.channels.values())
        blocks = f" and {gone} blocks are gone" if gone else ""
        console.print(f"{path}: a pruned network, {len(adopted.channels) - gone} layers are narrower than the config says{blocks}")
    if adopted.sparsity is None and held.get("sparsity"):
        adopted = config_from_dict({**adopted.resolved, "sparsity": held["sparsity"]})
        console.print(f"{path}: a sparse network, its zeros are kept")
    return adopted
