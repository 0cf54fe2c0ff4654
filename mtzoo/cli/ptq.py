"""Quantize a float checkpoint with no training: ranges from a few training images, then export, verify, compare.

    mtzoo ptq --config 4pe_resize/multitask --model-path work_dirs/RUN/with-bn-float-last.pt --calib-images 64
    mtzoo ptq --config real_resize/multitask --model-path with-bn-float-last.pt --calib-images 64 --max-drop 0.5 \\
        --cfg-options quantization.observer=mse

The save dir gets `int-inference-last.pt`, a checkpoint of step 3 like any other, its deploy model and `comparison.json`. Where a task
falls by more than --max-drop, the parts of the network that rounding hurts most stay in float: `mixed-last.pt` and its deploy
model are then written, too, which are not integer. Exit code 1: executors differ, or the drop cannot be kept.
"""

import argparse
import math
from pathlib import Path

from mtzoo.cli.arguments import add_config_arguments, check_new_folder, config_from_arguments, run_console
from mtzoo.cli.ptq_delivery import (
    KEPT_FILES,
    Delivery,
    compare_as_configured,
    compare_integer,
    compare_mixed,
    measure_base,
)
from mtzoo.compression import EQUALIZE, Corrections
from mtzoo.config import ExperimentConfig
from mtzoo.engine.calibration import Batches, calibration_images
from mtzoo.engine.ptq import Job, check_scales, float_layers, fold_all, load_float_network
from mtzoo.errors import UserError
from mtzoo.evaluation.comparison import failing_tasks

HELP = "quantize a float checkpoint with no training, export, verify, compare"
DEFAULTS = Corrections()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument("--model-path", type=Path, required=True, metavar="CKPT", help="a float checkpoint of this network")
    parser.add_argument("--calib-images", type=int, required=True, metavar="N", help="training images whose ranges are observed")
    parser.add_argument("--save-dir", type=Path, metavar="DIR", help="a new folder; default work_dirs/CONFIG-ptq")
    parser.add_argument("--equalize", choices=EQUALIZE, default=DEFAULTS.equalize,
                        help=f"balance channels of neighbouring layers before ({DEFAULTS.equalize})")
    parser.add_argument("--bias-correction", action=argparse.BooleanOptionalAction, default=DEFAULTS.biases,
                        help="take back what rounding shifts the channels' means by")
    parser.add_argument("--max-drop", type=float, metavar="D", help="points of mIoU or AP50 that a task may lose")
    parser.add_argument("--limit", type=int, metavar="N", help="evaluate on at most N images of each folder")
    parser.add_argument("--no-bench", dest="bench", action="store_false", help="measure no latency: that needs a quiet machine")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of the latency measurement (2)")


def run(args: argparse.Namespace) -> int:
    check_numbers(args)
    config = config_from_arguments(args)
    check_scales(config)
    save_dir = args.save_dir or default_save_dir(config, args.tasks)
    check_new_folder(save_dir, "--save-dir", KEPT_FILES)
    console = run_console()
    net = load_float_network(config, args.model_path)
    batches = Batches(calibration_images(config, args.calib_images))
    job = Job(config, fold_all(net, config), batches, Corrections(args.equalize, args.bias_correction))
    console.print(f"{config.name}: observer {config.quantization.observer} on {args.calib_images} training images, "
                  f"equalize {args.equalize}, bias correction {'on' if args.bias_correction else 'off'}", highlight=False)
    delivery = Delivery(job, save_dir, args.model_path, args.limit, args.threads if args.bench else None, console)
    base = measure_base(delivery, net)
    layers = float_layers(job)
    result = compare_as_configured(delivery, base, layers) if layers else compare_integer(delivery, base)
    good = result.differing is None or result.differing[0] == 0
    if args.max_drop is not None and failing_tasks(base.metrics, result.metrics, job.kinds, args.max_drop):
        good &= compare_mixed(delivery, base, result, args.max_drop)
    return 0 if good else 1


def default_save_dir(config: ExperimentConfig, tasks: str) -> Path:
    """work_dirs/<config>[-<tasks>]-ptq."""
    parts = [config.name.replace("/", "-"), *([tasks.replace(",", "+")] if tasks else []), "ptq"]
    return Path("work_dirs") / "-".join(parts)


def check_numbers(args: argparse.Namespace) -> None:
    """Raises UserError for numbers that cannot be, before anything is read."""
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit {args.limit}: has to be at least 1")
    if args.threads < 1:
        raise UserError(f"--threads {args.threads}: has to be at least 1")
    if args.max_drop is not None and not 0 <= args.max_drop < math.inf:
        raise UserError(f"--max-drop {args.max_drop}: points of mIoU or AP50, 0 or more, e.g. 0.5")
