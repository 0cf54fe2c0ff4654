"""A float checkpoint whose validation masks are its own answers: 100 % in float, and less wherever rounding changes a label."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from mtzoo.config import ExperimentConfig, load_config
from mtzoo.data.loader import collate_eval
from mtzoo.engine.checkpoint import Checkpoint, Progress, save_checkpoint
from mtzoo.engine.evaluate import network_predictor
from mtzoo.engine.pictures import pick_samples
from mtzoo.engine.stages import network_at
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet
from tests.quantization.helpers import randomize
from tests.tiny import config_values, write_config, write_images


def write_checkpoint(path: Path, config: ExperimentConfig) -> MultiTaskNet:
    """A network with random weights, and BN statistics of the validation images, as step 0 leaves it in float."""
    net = network_at(config, 0, quantized=False)
    samples = pick_samples(config, 6)
    torch.manual_seed(0)
    randomize(net, normalize_image(collate_eval(samples).images))
    save_checkpoint(path, Checkpoint(dict(config.resolved), Progress(0, False, 4, True), net.state_dict()))
    return net.eval()


@torch.no_grad()
def write_own_masks(net: MultiTaskNet, config: ExperimentConfig) -> None:
    """Replace the masks by what the network says."""
    samples = pick_samples(config, 6)
    predict = network_predictor(net, config, torch.device("cpu"))
    for sample, prediction in zip(samples, predict(collate_eval(samples))):
        mask = prediction.label_maps["seg"]
        assert len(np.unique(mask)) > 1
        cv2.imwrite(str(sample.path.parents[1] / "masks" / sample.path.name), mask)


def write_project(root: Path, tasks: Sequence[str] = ("det", "seg"), *, own_masks: bool = False) -> Path:
    """Images, a config (tiny.py) and a float checkpoint (float.pt) in `root`. own_masks: the masks are the checkpoint's own answers."""
    path = write_config(write_images(root) / "tiny.py", config_values(root, tasks))
    config = load_config(path)
    net = write_checkpoint(root / "float.pt", config)
    if own_masks:
        write_own_masks(net, config)
    return root
