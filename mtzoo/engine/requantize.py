"""A trained network with weights of fewer bits: from a float checkpoint by calibration, from a fake-quant one on new grids."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtzoo.compression import quantize
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.overrides import override
from mtzoo.data.sources import SyntheticScenes
from mtzoo.engine.calibration import BATCH, Batches, calibration_images
from mtzoo.engine.checkpoint import Checkpoint
from mtzoo.engine.ptq import fold_all, integer_checkpoint, load_float_network
from mtzoo.engine.stages import FOLDED_STEP, INTEGER_STEP, checkpoint_network, fold_for_step, quantization_of
from mtzoo.errors import UserError
from mtzoo.models import MultiTaskNet
from mtzoo.ops.precision import exact_float32
from mtzoo.progress import show_progress
from mtzoo.quantization import inexact_layers
from mtzoo.settings.post_training import Corrections


def requantized(checkpoint: Checkpoint, path: Path, options: Mapping[str, Any],
                bits: int) -> tuple[MultiTaskNet, ExperimentConfig, int]:
    """(network in eval mode without BN, its config, step) of a checkpoint, its integer weights of at most `bits` bits.

    path: where the checkpoint was. step: 3 if it is an integer network, which then is on its grids; 2 if the config keeps layers
    from being integers. A float checkpoint is calibrated on `env.calibration_batches` batches of training images, as `mtzoo ptq`
    does; of a fake-quant one the ranges of feature maps stay and the scales of weights are found anew.
    Raises UserError for a checkpoint of step 3: its weights were rounded to their grids, and would be a second time.
    """
    if checkpoint.progress.step == INTEGER_STEP:
        raise UserError(f"{path}: a checkpoint of step 3 holds finished integers, which --weight-bits {bits} would round twice; name "
                        "the one of step 2 (fusion-bn-c2-last.pt) or a float one (with-bn-float-last.pt)")
    config = config_from_dict(with_weight_bits(override(checkpoint.config, options), bits))
    with exact_float32():
        net = _fake_quant(checkpoint, config, path)
        if inexact_layers(net):
            return net, config, FOLDED_STEP
        integer_checkpoint(net, config)
    return net, config, INTEGER_STEP


def with_weight_bits(values: Mapping[str, Any], bits: int) -> dict[str, Any]:
    """A config's plain data with at most `bits` bits for 8-bit weights, in its default and in the heads that say their own."""

    def narrow(quantization: Mapping[str, Any]) -> dict[str, Any]:
        own = quantization.get("weight_bits", 8)
        return {**quantization, "weight_bits": min(own, bits) if own <= 8 else own}

    tasks = {name: {**task, "quantization": narrow(task["quantization"])} if task.get("quantization") else task
             for name, task in values["tasks"].items()}
    return {**values, "quantization": narrow(values.get("quantization") or {}), "tasks": tasks}


def _fake_quant(checkpoint: Checkpoint, config: ExperimentConfig, path: Path) -> MultiTaskNet:
    """Rounding, all BN folded."""
    step = checkpoint.progress.step
    if not checkpoint.progress.quantized:
        _check_rendered(config, path)
        folded = fold_all(load_float_network(config, path), config)
        images = calibration_images(config, default=config.env.calibration_batches * BATCH)
        with show_progress("calibrating", transient=True) as on_progress:
            return quantize(folded, quantization_of(config), Batches(images), Corrections(), on_progress)
    net, _, _ = checkpoint_network(Checkpoint(dict(config.resolved), checkpoint.progress, checkpoint.network), path, {})
    for later in range(step + 1, FOLDED_STEP + 1):
        fold_for_step(net, config, later)
    return net


def _check_rendered(config: ExperimentConfig, path: Path) -> None:
    """A foreign checkpoint's config renders nothing, wherever it would."""
    for source in (source for task in config.tasks for source in task.train_sources):
        if isinstance(source, SyntheticScenes) and not source.folder.is_dir():
            raise UserError(f"{path}: calibration reads the training images of its config, whose synthetic scenes {source.folder} are "
                            "not there; name other data (--cfg-options sources...), or a fake-quant checkpoint, which needs none")
