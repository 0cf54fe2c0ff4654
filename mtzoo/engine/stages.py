"""The life of a network as a table: which BN is folded and whether fake-quant is in, at each point of a run."""

import torch
from torch import nn

from mtzoo.config import ExperimentConfig
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.quantization import QConfigMap, fold_bn, prepare

FLOAT_STEP, FOLDED_STEP = 0, 2
"""The step with all BN live, and the last with fake-quant, whose BN is folded."""


def quantization_of(config: ExperimentConfig) -> QConfigMap:
    """The config's quantization: a default, and what single heads say of themselves."""
    return QConfigMap(default=config.quantization,
                      overrides={task.head.name: task.quantization for task in config.tasks if task.quantization})


def network_at(config: ExperimentConfig, step: int, quantized: bool) -> MultiTaskNet:
    """A fresh network with the structure it has in that step: folds replayed, quantizers in place; load its state next.

    Raises UserError for specs that do not fit together.
    """
    torch.manual_seed(config.env.seed)
    net = build_network(config.graphs, config.channels)
    if quantized:
        prepare(net, quantization_of(config))
    for earlier in range(1, step + 1):
        fold_for_step(net, config, earlier)
    return net


def fold_for_step(net: nn.Module, config: ExperimentConfig, step: int) -> list[str]:
    """Fold what `fusion_bn_patterns` says of the step; names of the folded layers."""
    patterns = config.fusion_bn_patterns.get(step, ())
    return fold_bn(net, patterns) if patterns else []
