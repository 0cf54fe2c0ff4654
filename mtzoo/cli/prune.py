"""Remove channels of a float checkpoint for real, train it on, quantize, export, verify, compare.

    mtzoo prune --config real_resize/multitask --model-path with-bn-float-last.pt --pruning-ratio 0.3 --retraining-iters 2000
    mtzoo prune --config 4pe_resize/multitask --model-path with-bn-float-last.pt --pruning-ratio 0.2 --criterion latency
    mtzoo prune --config real_resize/multitask --model-path with-bn-float-last.pt --sensitivity table.json --max-drop 1

The save dir gets `pruning.json` (what was removed) and `.png`, the narrower network as a float checkpoint, `<prefix>-float-last.pt`,
that every verb takes as any other, and its integer network with deploy model and `comparison.json`, made as `mtzoo ptq` does. Base of
the comparison is the original network, quantized in the same way. Exit code 1: executors differ.
"""

import argparse
import math
from pathlib import Path

from mtzoo.cli.arguments import (
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_model_path_argument,
    add_retraining_arguments,
    adopt_checkpoint,
    config_from_arguments,
    measuring_from_arguments,
    retraining_from_arguments,
    run_console,
    save_dir_from_arguments,
)
from mtzoo.cli.delivery import Delivery, passed
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.numbers import at_least
from mtzoo.cli.outputs import claim_folder, output_folder
from mtzoo.cli.pruning_delivery import LatencyMeter, compare_pruned, show_plan, train_on
from mtzoo.compression import IMPORTANCES, removed_channels
from mtzoo.config import ExperimentConfig
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.channel_sensitivity_table import Origin, load_table
from mtzoo.engine.pruning import CRITERIA, SCOPES, Pruning, plan_pruning, without
from mtzoo.engine.pruning_record import RECORD, load_record, made_for, save_record
from mtzoo.engine.ptq import load_float_network
from mtzoo.errors import UserError

HELP = "remove channels of a float checkpoint, train it on, quantize, compare"
DEFAULTS = Pruning(0.5)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    add_model_path_argument(parser)
    parser.add_argument("--pruning-ratio", type=float, metavar="R",
                        help="share of the criterion that goes, e.g. 0.3; with --sensitivity it may be left out: all that may go")
    parser.add_argument("--criterion", choices=CRITERIA, default=DEFAULTS.criterion,
                        help=f"what the ratio is of; latency: of the int8 network in OpenVINO, measured ({DEFAULTS.criterion})")
    parser.add_argument("--importance", choices=IMPORTANCES, default=DEFAULTS.importance,
                        help=f"which channels matter least ({DEFAULTS.importance})")
    parser.add_argument("--scope", choices=SCOPES, default=DEFAULTS.scope,
                        help=f"all channels compete, or the same share goes everywhere ({DEFAULTS.scope})")
    parser.add_argument("--align", type=at_least(1, "--align"), default=DEFAULTS.align, metavar="N",
                        help=f"group convolutions keep multiples of N outputs a group, others of 2 N channels ({DEFAULTS.align})")
    parser.add_argument("--keep-blocks", action="store_true", help="only channels go, never a whole residual block")
    parser.add_argument("--sensitivity", type=Path, metavar="FILE", help="a table of `mtzoo sensitivity` of this checkpoint")
    parser.add_argument("--max-drop", type=float, metavar="D",
                        help="with --sensitivity: each group loses at most what costs every task D points when it goes alone")
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), default=64, metavar="N",
                        help="training images whose int8 ranges are observed (64)")
    parser.add_argument("--save-dir", type=output_folder("--save-dir"), metavar="DIR",
                        help="a new folder; default work_dirs/CONFIG-prune")
    add_retraining_arguments(parser, required=False)
    add_ctx_argument(parser, several=False)
    add_measuring_arguments(parser)


def run(args: argparse.Namespace) -> int:
    limit, threads = measuring_from_arguments(args)
    check_limits(args)
    pruning = Pruning(args.pruning_ratio, args.criterion, args.importance, args.scope, args.align, not args.keep_blocks)
    retraining = retraining_from_arguments(args) if args.retraining_iters is not None else None
    config = config_from_arguments(args)
    save_dir = save_dir_from_arguments(config, args, "prune")
    record = save_dir / RECORD
    resume = args.resume and record.exists()
    _lock = claim_folder(save_dir, "--save-dir", None if resume else ())
    console = run_console()
    config = adopt_checkpoint(config, args.model_path, console)
    say_folders(config, "train", "val")
    net = load_float_network(config, args.model_path)
    batches = Batches(calibration_images(config, args.calib_images))
    delivery = Delivery(config, save_dir, limit, threads, console)
    limits = limits_from_arguments(config, args)
    origin = made_for(config, args.model_path, pruning, limits)
    if resume:
        pruned = without(net, load_record(record, origin))
    else:
        meter = LatencyMeter(config, net, batches, threads) if pruning.criterion == "latency" else None
        plan = plan_pruning(config, net, pruning, limits=limits, meter=meter)
        pruned = without(net, removed_channels(plan.choice, plan.groups))
        save_record(record, origin, plan)  # first of all: it is what --resume goes on with
        show_plan(delivery, net, pruned, plan, pruning)
    pruned, config = train_on(delivery, pruned, retraining, ctx=args.ctx, resume=resume)
    result = compare_pruned(delivery, net, pruned, config, batches)
    return 0 if result is None or passed(result) else 1


def check_limits(args: argparse.Namespace) -> None:
    """Raises UserError for options that do not go together."""
    if (args.sensitivity is None) != (args.max_drop is None):
        raise UserError("--sensitivity and --max-drop go together: a table, and how many points a task may lose in it")
    if args.sensitivity is None and args.pruning_ratio is None:
        raise UserError("give --pruning-ratio, e.g. 0.3, or --sensitivity with --max-drop")
    if args.max_drop is not None and not 0 <= args.max_drop < math.inf:
        raise UserError(f"--max-drop {args.max_drop}: points of mIoU or AP50, 0 or more, e.g. 1")


def limits_from_arguments(config: ExperimentConfig, args: argparse.Namespace) -> dict[str, int] | None:
    """Group -> how many of its units have to stay, None without a table. Raises UserError if the table lets nothing go."""
    if args.sensitivity is None:
        return None
    origin = Origin.of(config, args.model_path, args.importance, args.align, None)
    limits = load_table(args.sensitivity, origin, same_images=False).limits(args.max_drop)
    if not limits:
        raise UserError(f"--max-drop {args.max_drop:g}: in {args.sensitivity} every point loses more; allow more or measure smaller "
                        "ratios")
    return limits
