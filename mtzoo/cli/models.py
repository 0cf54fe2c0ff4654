"""A checkpoint's or a deploy model's path -> something that predicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig
from mtzoo.config.load import config_from_dict, override
from mtzoo.engine.checkpoint import load_checkpoint, load_network_state
from mtzoo.engine.stages import network_at
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import set_fake_quant


def load_checkpoint_network(path: Path, options: Mapping[str, Any]) -> tuple[MultiTaskNet, ExperimentConfig]:
    """The network of a checkpoint, in eval mode, fake-quant as it was trained, and its config with overrides."""
    checkpoint = load_checkpoint(path)
    position = checkpoint.progress
    config = config_from_dict(override(checkpoint.config, options))
    net = network_at(config, position.step, position.quantized)
    load_network_state(net, checkpoint.network, path)
    set_fake_quant(net, position.quantized)
    return net.eval(), config
