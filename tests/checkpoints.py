"""Checkpoints of a network that nobody trained, as the steps leave them."""

from pathlib import Path

from mtzoo.config import ExperimentConfig
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.stages import network_at
from mtzoo.layers import normalize_image
from mtzoo.quantization import calibrate, freeze, integer_state
from tests.quantization.helpers import images, randomize


def write_checkpoint(path: Path, config: ExperimentConfig, step: int, *, quantized: bool = True) -> Path:
    """The done checkpoint of `step`, its statistics and scales those of `images()`; step 3 holds integers."""
    net = network_at(config, min(step, 2), quantized)
    randomize(net, normalize_image(images()))
    if quantized:
        calibrate(net, [normalize_image(images())])
    if step == 3:
        freeze(net)
    state = integer_state(net) if step == 3 else net.state_dict()
    save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(step, quantized, 0, True), dict(state)))
    return path
