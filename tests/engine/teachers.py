"""Checkpoints to learn from."""

from mtzoo.config import config_from_dict
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.stages import network_at


def save_teacher(path, values, seed=1):
    """A float checkpoint of the config's network with random weights."""
    config = config_from_dict({**values, "env": {**values["env"], "seed": seed}})
    net = network_at(config, 0, quantized=False)
    save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(0, False, 0, True), net.state_dict()))
    return net.eval()
