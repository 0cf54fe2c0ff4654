"""Configs, networks and checkpoints by name: what the other recipes begin with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config import load_config as read_and_build
from mtzoo.engine.checkpoint import load_checkpoint as read_checkpoint
from mtzoo.engine.checks import check_network
from mtzoo.engine.stages import checkpoint_network, network_at
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint, find_config
from mtzoo.models import MultiTaskNet, start_from_published

ConfigLike = ExperimentConfig | str | Path
"""A config, a shipped config's name, or a config file."""
CheckpointLike = str | Path
"""A checkpoint's path, or zoo:NAME."""


def load_config(name_or_path: str | Path, *, options: Mapping[str, Any] | None = None,
                tasks: Sequence[str] | None = None) -> ExperimentConfig:
    """Read and check a config. A config is a Python file and runs as code: load only those that you trust.

    Args:
        name_or_path: The name of a shipped config (`list_configs`), or a config file.
        options: Dotted keys of the config and their values, e.g. `{"env.workers": 4}`.
        tasks: Keep only these tasks. Default: all.

    Returns:
        The checked config. Its network has been built once to check that the parts fit together.

    Raises:
        UserError: The config does not exist or has a fault. The message names the file, the key and the value.
    """
    path = find_config(name_or_path)
    config = read_and_build(path, options, tasks)
    try:
        check_network(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return config


def build_model(config: ConfigLike, *, pretrained: bool = True) -> MultiTaskNet:
    """Build the float network of a config, in eval mode.

    The network reads images (N, 3, H, W) float32, normalised as (x - 128) / 128, channels in BGR order. It returns
    `{task: {output: tensor}}` with raw maps (N, C, H', W').

    Args:
        config: A config, the name of a shipped config, or a config file.
        pretrained: Load the published weights that backbones of the config name, as a training does at its start. All other layers
            are random, drawn with `env.seed`.

    Returns:
        The network. It contains no loss, no normalisation and no post-processing.

    Raises:
        UserError: The parts of the config do not fit together, or published weights cannot be read.
    """
    net = network_at(config_of(config), 0, quantized=False)
    if pretrained:
        start_from_published(net)
    return net.eval()


def load_checkpoint(checkpoint: CheckpointLike) -> tuple[MultiTaskNet, ExperimentConfig]:
    """Load the network and the config of a checkpoint. Nothing in the file is executed.

    Args:
        checkpoint: A checkpoint (`.pt`) of any step, or `zoo:NAME` for the float weights of a zoo model.

    Returns:
        The network in eval mode, and its config. A network of a quantized step is a fake-quant network.

    Raises:
        UserError: The file does not exist, is damaged, or is no checkpoint of mtzoo.
    """
    path = find_checkpoint(checkpoint)
    net, config, _ = checkpoint_network(read_checkpoint(path), path, {})
    return net, config


def config_of(config: ConfigLike) -> ExperimentConfig:
    """Return a config as it is, or load it by its name (`load_config`)."""
    return config if isinstance(config, ExperimentConfig) else load_config(config)


def config_for(checkpoint: Path, config: ConfigLike | None) -> ExperimentConfig:
    """Return the given config. If it is None, return the config in the checkpoint."""
    return config_from_dict(read_checkpoint(checkpoint).config) if config is None else config_of(config)
