"""`mtzoo ptq --onnx`: somebody else's float network to an exact integer file, with a folder of images and no training code."""

import argparse
from pathlib import Path

from mtzoo.cli.numbers import at_least
from mtzoo.cli.onnx_delivery import deliver
from mtzoo.cli.onnx_source import CALIB_IMAGES, OF_SOURCE, add_source_arguments, batches_of, open_source, read_folder
from mtzoo.compression import OBSERVER_OF_FOREIGN, OF_FOREIGN
from mtzoo.console import say
from mtzoo.errors import UserError
from mtzoo.progress import show_progress
from mtzoo.quantization.qconfig import CHOICES
from mtzoo.recipes.save_dir import claim_folder

OF_CONFIG = {"config": None, "model_path": None, "max_drop": None, "spare": "float", "tasks": [], "cfg_options": [],
             "not_quant_pattern": []}
"""Options of `ptq --config` -> their value when they are not given."""
OF_ONNX = {**OF_SOURCE, "observer": None, "distil_iters": None, "learning_rate": None, "ctx": None}


def add_onnx_arguments(parser: argparse.ArgumentParser) -> None:
    group = add_source_arguments(parser)
    group.add_argument("--distil-iters", type=at_least(1, "--distil-iters"), metavar="N",
                       help="train the integers on the same images to say what the float network says: N iterations; default: none")
    group.add_argument("--learning-rate", type=float, metavar="LR",
                       help="of --distil-iters, as a share of the size of each layer's weights (1e-4)")
    group.add_argument("--ctx", metavar="cpu|0", help="device that observes and trains (auto: a GPU where there is one)")
    group.add_argument("--observer", choices=CHOICES["observer"], help=f"how ranges are found ({OBSERVER_OF_FOREIGN})")


def run_onnx(args: argparse.Namespace, threads: int | None) -> int:
    """Calibrate, write, verify, compare, measure. Returns 1 if executors differ."""
    from mtzoo.engine.device import single_device
    from mtzoo.foreign.distil import LEARNING_RATE, check_learning_rate

    rate = check_learning_rate(LEARNING_RATE if args.learning_rate is None else args.learning_rate)
    if args.learning_rate is not None and args.distil_iters is None:
        raise UserError("--learning-rate has no effect without --distil-iters; leave it out")
    device = single_device(args.ctx or "auto")
    save_dir = args.save_dir or Path("work_dirs") / f"{args.onnx.stem}-ptq"
    _lock = claim_folder(save_dir, "--save-dir")
    source = open_source(args)
    corrects = args.bias_correction is not False
    folder = read_folder(args.images, source.input_hw, args.calib_images or CALIB_IMAGES, args.limit)
    observer, equalize = args.observer or OBSERVER_OF_FOREIGN, args.equalize or OF_FOREIGN.equalize
    say(f"ranges: observer {observer} on {len(folder.calibration)} images, equalize {equalize}, bias correction "
        f"{'on' if corrects else 'off'}, distillation {args.distil_iters or 'off'}")
    path = save_dir / f"{args.onnx.stem}-int8.onnx"
    with show_progress("quantizing", transient=True) as on_progress:
        quantized = source.quantize(batches_of(folder.calibration, source.order), observer=observer, equalize=equalize,
                                    bias_correction=corrects, weight_bits=args.weight_bits or 8, learning_rate=rate, device=device,
                                    distil_iterations=args.distil_iters or 0, on_progress=on_progress)
    info = quantized.export(path, dtype="uint8" if args.uint8 else "float32")
    for line in quantized.exactness(info):
        say(line)
    return deliver(source, path, folder.held_out, threads)
