"""Structured pruning: channels of a float checkpoint are removed for real, the rest is trained on and quantized."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtzoo.compression import removed_channels
from mtzoo.config import ExperimentConfig
from mtzoo.console import PlainConsole
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.channel_sensitivity_table import Origin, load_table
from mtzoo.engine.distributed import run_console
from mtzoo.engine.pruning import plan_pruning, without
from mtzoo.engine.pruning_record import RECORD, load_record, made_for, save_record
from mtzoo.engine.ptq import load_float_network
from mtzoo.engine.retraining import Retraining
from mtzoo.errors import UserError
from mtzoo.locate import find_checkpoint
from mtzoo.models import MultiTaskNet
from mtzoo.progress import follows_console
from mtzoo.recipes.adopt import adopt_checkpoint
from mtzoo.recipes.config import CheckpointLike, ConfigLike, config_for
from mtzoo.recipes.data_folders import say_folders
from mtzoo.recipes.exported import Compressed
from mtzoo.recipes.output_folder import claim_folder, default_folder, note_new_run
from mtzoo.recipes.prune_results import LatencyMeter, compare_pruned, show_plan, train_on
from mtzoo.recipes.workspace import Workspace
from mtzoo.settings.pruning import Pruning


@dataclass(frozen=True)
class PruneResult:
    """What `prune` returns.

    Attributes:
        out: The folder of all files.
        checkpoint: The pruned float network. Every function that takes a float checkpoint takes it.
        integers: Its integer network, compared with the integer network of the original. None if the config keeps layers from being
            exact integers.
    """

    out: Path
    checkpoint: Path
    integers: Compressed | None


@follows_console
def prune(checkpoint: CheckpointLike, config: ConfigLike | None = None, out: str | Path | None = None, *, pruning: Pruning,
          sensitivity: str | Path | None = None, max_drop: float | None = None, retraining: Retraining | None = None,
          calib_images: int | None = None, ctx: str | None = None, resume: bool = False, limit: int | None = None,
          threads: int | None = 2, console: PlainConsole | None = None) -> PruneResult:
    """Remove channels and residual blocks of a float checkpoint, retrain, quantize, export, verify, evaluate and compare.

    Args:
        checkpoint: A float checkpoint (`.pt`), or `zoo:NAME` for the float weights of a zoo model.
        config: A config, its name or file. Default: the config in the checkpoint.
        out: The output folder, new or empty. Default: `work_dirs/CONFIG-prune`.
        pruning: How much is removed and how it is chosen, e.g. `Pruning(0.3)` for 30 % of the multiply-accumulates.
        sensitivity: The table of `measure_sensitivity`. It limits what is removed from each group.
        max_drop: With `sensitivity`: the points of its main metric that a task may lose by any single group.
        retraining: The length of the training in float and its settings. None: no training.
        calib_images: The number of training images on which ranges are observed. Default: 64, or all if there are fewer.
        ctx: The device, as for `train`.
        resume: Continue with the plan and the last checkpoint in `out`.
        limit: Evaluate on the first N images of each validation folder. None: on all.
        threads: The CPU threads of latency measurements. None: latency is not measured.
        console: Where progress and tables are printed. Default: stdout.

    Raises:
        UserError: The checkpoint is not a float one, `out` is not empty, options do not go together, or the ratio cannot be reached.
    """
    check_limits(pruning, sensitivity, max_drop)
    path, console = find_checkpoint(checkpoint), console or run_console()
    config = config_for(path, config)
    out = default_folder(config, "prune") if out is None else Path(out)
    if resume:
        note_new_run(out, {RECORD})
    resume = resume and (out / RECORD).exists()
    _lock = claim_folder(out, "--out", None if resume else (), {RECORD})
    config = adopt_checkpoint(config, path, console)
    say_folders(config, console, "train", "val")
    net = load_float_network(config, path)
    batches = Batches(calibration_images(config, calib_images))
    workspace = Workspace(config, out, limit, threads, console)
    limits = None if sensitivity is None else limits_of(config, path, pruning, Path(sensitivity), max_drop)
    pruned = pruned_network(workspace, net, path, pruning, limits, batches, resume=resume)
    pruned, config, saved = train_on(workspace, pruned, retraining, ctx=ctx, resume=resume)
    return PruneResult(out, saved, compare_pruned(workspace, net, pruned, config, batches))


def pruned_network(workspace: Workspace, net: MultiTaskNet, checkpoint: Path, pruning: Pruning, limits: Mapping[str, int] | None,
                   batches: Batches, *, resume: bool) -> MultiTaskNet:
    """The narrower network: by the record in the folder, or by a new plan, which is shown and recorded."""
    config, record = workspace.config, workspace.out / RECORD
    origin = made_for(config, checkpoint, pruning, limits)
    if resume:
        return without(net, load_record(record, origin))
    meter = LatencyMeter(config, net, batches, workspace.threads) if pruning.criterion == "latency" else None
    plan = plan_pruning(config, net, pruning, limits=limits, meter=meter)
    pruned = without(net, removed_channels(plan.choice, plan.groups))
    save_record(record, origin, plan)  # first of all: it is what --resume goes on with
    show_plan(workspace, net, pruned, plan, pruning)
    return pruned


def check_limits(pruning: Pruning, sensitivity: str | Path | None, max_drop: float | None) -> None:
    """Raises UserError for options that do not go together."""
    if (sensitivity is None) != (max_drop is None):
        raise UserError("--sensitivity and --max-drop go together: a table, and how many points a task may lose in it")
    if sensitivity is None and pruning.ratio is None:
        raise UserError("give --ratio, e.g. 0.3, or --sensitivity with --max-drop")
    if max_drop is not None and not 0 <= max_drop < math.inf:
        raise UserError(f"--max-drop {max_drop}: points of AP50, mIoU or top1, 0 or more, e.g. 1")


def limits_of(config: ExperimentConfig, checkpoint: Path, pruning: Pruning, sensitivity: Path, max_drop: float) -> dict[str, int]:
    """Group -> how many of its units have to stay. Raises UserError if the table lets nothing go."""
    origin = Origin.of(config, checkpoint, pruning.importance, pruning.align, None)
    limits = load_table(sensitivity, origin, same_images=False).limits(max_drop)
    if not limits:
        raise UserError(f"--max-drop {max_drop:g}: in {sensitivity} every point loses more; allow more or measure smaller ratios")
    return limits
