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
    """A checked config, by the name of a shipped one (`list_configs`) or from a file. A config is Python and runs as code.

    options: dotted keys -> values, e.g. {"env.workers": 4}; tasks: keep only these. Raises UserError naming the file and the key.
    """
    path = find_config(name_or_path)
    config = read_and_build(path, options, tasks)
    try:
        check_network(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return config


def build_model(config: ConfigLike, *, pretrained: bool = True) -> MultiTaskNet:
    """The config's float network in eval mode: images (N, 3, H, W) float32, (x - 128) / 128, BGR -> task -> output -> (N, C, H', W').

    pretrained: backbones that name published weights get them, as at the start of a training; other layers are random, drawn with
    `env.seed`. Raises UserError for a config whose parts do not fit together.
    """
    net = network_at(config_of(config), 0, quantized=False)
    if pretrained:
        start_from_published(net)
    return net.eval()


def load_checkpoint(checkpoint: CheckpointLike) -> tuple[MultiTaskNet, ExperimentConfig]:
    """(network in eval mode, its config) of a checkpoint of any step, or of a zoo model's float weights (zoo:NAME). It rounds as it
    did in training. Nothing in the file is executed. Raises UserError for a file that is damaged or none of ours."""
    path = find_checkpoint(checkpoint)
    net, config, _ = checkpoint_network(read_checkpoint(path), path, {})
    return net, config


def config_of(config: ConfigLike) -> ExperimentConfig:
    """The config itself, or `load_config` of its name."""
    return config if isinstance(config, ExperimentConfig) else load_config(config)


def config_for(checkpoint: Path, config: ConfigLike | None) -> ExperimentConfig:
    """The config, or where none is given the one that the checkpoint brings along."""
    return config_from_dict(read_checkpoint(checkpoint).config) if config is None else config_of(config)
