"""Post-training quantization: integers from a float checkpoint with no training, ranges from a few training images."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

from mtzoo.console import PlainConsole
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.device import single_device
from mtzoo.engine.distributed import run_console
from mtzoo.engine.ptq import PtqInputs, fold_all, left_inexact, load_float_network
from mtzoo.errors import UserError
from mtzoo.evaluation.comparison import failing_tasks
from mtzoo.locate import find_checkpoint
from mtzoo.progress import follows_console
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.exported import Compressed
from mtzoo.recipes.output_folder import default_folder, new_folder
from mtzoo.recipes.ptq_results import KEPT_FILES, compare_as_configured, compare_integer, compare_mixed
from mtzoo.recipes.workspace import Workspace, measure_base
from mtzoo.settings.post_training import Corrections


@follows_console
def quantize(checkpoint: CheckpointLike, config: ConfigLike | None = None, out: str | Path | None = None, *,
             calib_images: int | None = None, equalize: str = Corrections().equalize, bias_correction: bool = False,
             max_drop: float | None = None, fallback: Literal["float", "16bit"] = "float", limit: int | None = None,
             threads: int | None = 2, ctx: str | None = None, console: PlainConsole | None = None) -> Compressed:
    """Quantize a float checkpoint without training (PTQ), and export, verify, evaluate and compare the result.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The output folder, new or empty. Default: `work_dirs/CONFIG-ptq`.
        calib_images: The number of training images on which ranges are observed. Default: 64, or all if there are fewer.
        equalize: `"none"` (default), `"weights"` or `"activations"` (cross-layer equalization, arXiv 1906.04721), or `"network"` (a
            factor for each channel of every map).
        bias_correction: Correct the mean of each channel in its bias after rounding (arXiv 1906.04721).
        max_drop: The points of its main metric (AP50, mIoU, top1) that a task may lose. If one loses more, the noisiest parts are not
            quantized to 8 bits. None: no limit.
        fallback: What these parts become: `"float"`, or `"16bit"`.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: The CPU threads of the latency measurement. None: latency is not measured.
        ctx: The device that evaluates the float network: `"cpu"`, `"0"`, or `"auto"` (a GPU if there is one). Default:
            `env.default_ctx`. The quantized network is calibrated and runs on the CPU.
        console: Where progress and tables are printed. Default: stdout.

    Returns:
        The quantized network, compared with the float network. It is mixed precision if `max_drop` required float or 16-bit parts,
        or if the config asks for such parts.

    Raises:
        UserError: The checkpoint is not a float one, `out` is not empty, or a layer has no exact integer form.
    """
    check_drop(max_drop, "0.5")
    path, console = find_checkpoint(checkpoint), console or run_console()
    config = config_for(path, config)
    device = single_device(ctx or config.env.default_ctx)
    out = default_folder(config, "ptq") if out is None else Path(out)
    with new_folder(out, "--out", KEPT_FILES) as place:
        workspace = Workspace(adopt_checkpoint(config, path, console), out, limit, threads, console, place, device)
        return quantize_into(workspace, path, calib_images, Corrections(equalize, bias_correction), max_drop, fallback)


def quantize_into(workspace: Workspace, checkpoint: Path, calib_images: int | None, corrections: Corrections, max_drop: float | None,
                  fallback: Literal["float", "16bit"]) -> Compressed:
    """Quantize a float checkpoint of the workspace's config; write, measure and compare what comes of it."""
    config = workspace.config
    say_folders(config, workspace.console, "train", "val")
    net = load_float_network(config, checkpoint)
    images = calibration_images(config, calib_images)
    job = PtqInputs(config, fold_all(net, config), Batches(images), corrections)
    workspace.say(f"{config.name}: observer {config.quantization.observer} on {len(images)} training images, "
                  f"equalize {corrections.equalize}, bias correction {'on' if corrections.biases else 'off'}")
    base = measure_base(workspace, net, job.folded)
    made = compare_as_configured(workspace, job, base) if left_inexact(job) else compare_integer(workspace, job, base)
    if max_drop is None or not failing_tasks(base.variant.metrics, made.result.metrics, workspace.kinds, max_drop):
        return made
    mixed = compare_mixed(workspace, job, checkpoint, base, made, max_drop, fallback)
    return replace(made, holds=False) if mixed is None else replace(mixed, holds=made.result.passed)


def check_drop(max_drop: float | None, example: str) -> None:
    """Raises UserError for a drop that cannot be."""
    if max_drop is not None and not 0 <= max_drop < math.inf:
        raise UserError(f"--max-drop {max_drop}: points of AP50, mIoU or top1, 0 or more, e.g. {example}")
