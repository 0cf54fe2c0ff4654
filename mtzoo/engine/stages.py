"""The life of a network as a table: which BN is folded and whether fake-quant is in, at each point of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import override
from mtzoo.engine.checkpoint import Checkpoint, load_checkpoint, load_network_state
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet, build_network, network_stride
from mtzoo.quantization import QConfigMap, fold_bn, load_integer_state, prepare, set_fake_quant

FLOAT_STEP, FOLDED_STEP, INTEGER_STEP = 0, 2, 3
"""The step with all BN live, the last with fake-quant, whose BN is folded, and the one of integers."""


def quantization_of(config: ExperimentConfig) -> QConfigMap:
    """The config's quantization: a default, and what single heads say of themselves."""
    return QConfigMap(default=config.quantization,
                      overrides={task.head.name: task.quantization for task in config.tasks if task.quantization})


def config_network(config: ExperimentConfig) -> MultiTaskNet:
    """The config's network, as its specs and channels make it. Raises UserError for specs that do not fit together, and for image
    sizes that are no multiples of its stride."""
    net = build_network(config.graphs, config.channels)
    stride, geometry = network_stride(net), config.deploy_geometry
    if geometry.stride is not None and geometry.stride % stride:
        raise UserError(f"deploy_geometry.stride={geometry.stride}: the network's features make it {stride}; remove it, or give a "
                        "multiple of that")
    sizes = {"deploy_geometry.input_hw": geometry.input_hw, "train_geometry.crop_hw": config.train_geometry.crop_hw}
    for key, hw in sizes.items():
        if any(side % stride for side in hw):
            padded = [-(-side // stride) * stride for side in hw]
            raise UserError(f"{key}={list(hw)}: not multiples of the network's stride {stride}; use {padded}")
    return net


def network_at(config: ExperimentConfig, step: int, quantized: bool) -> MultiTaskNet:
    """A fresh network with the structure it has in that step: folds replayed, quantizers in place; load its state next.

    Raises UserError for specs that do not fit together.
    """
    torch.manual_seed(config.env.seed)
    net = config_network(config)
    if quantized:
        prepare(net, quantization_of(config))
    for earlier in range(1, step + 1):
        fold_for_step(net, config, earlier)
    return net


def fold_for_step(net: nn.Module, config: ExperimentConfig, step: int) -> list[str]:
    """Fold what `fusion_bn_patterns` says of the step; names of the folded layers."""
    patterns = config.fusion_bn_patterns.get(step, ())
    return fold_bn(net, patterns) if patterns else []


def load_checkpoint_network(path: Path) -> tuple[MultiTaskNet, ExperimentConfig, int]:
    """`checkpoint_network` of a file."""
    return checkpoint_network(load_checkpoint(path), path, {})


def checkpoint_network(checkpoint: Checkpoint, path: Path, options: Mapping[str, Any]) -> tuple[MultiTaskNet, ExperimentConfig, int]:
    """(network in eval mode, its config with overrides, step) of a checkpoint, rounding as it did in training.

    Step 3's checkpoint holds integers, of which the fake-quant network is made again. path: where it was, for messages.
    """
    position = checkpoint.progress
    config = config_from_dict(override(checkpoint.config, options))
    if position.step == INTEGER_STEP:
        net = config_network(config)
        load_integer_state(net, checkpoint.network)
    else:
        net = network_at(config, position.step, position.quantized)
        load_network_state(net, checkpoint.network, path)
        set_fake_quant(net, position.quantized)
    return net.eval(), config, position.step
