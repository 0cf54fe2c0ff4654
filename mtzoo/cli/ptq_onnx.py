"""`mtzoo ptq --onnx`: somebody else's float network to an exact integer file, with a folder of images and no training code."""

import argparse

from mtzoo.cli.numbers import at_least
from mtzoo.cli.onnx_source import OF_SOURCE, add_source_arguments, distillation, float_onnx
from mtzoo.settings.post_training import OBSERVER_OF_FOREIGN, OBSERVERS, OF_FOREIGN

OF_CONFIG = {"config": None, "checkpoint": None, "max_drop": None, "fallback": "float", "tasks": [], "cfg_options": [],
             "not_quant_pattern": []}
"""Options of `ptq --config` -> their value when they are not given."""
OF_ONNX = {**OF_SOURCE, "observer": None, "iters": None, "learning_rate": None}


def add_onnx_arguments(parser: argparse.ArgumentParser) -> None:
    group = add_source_arguments(parser)
    group.add_argument("--iters", type=at_least(1, "--iters"), metavar="N",
                       help="N iterations of distillation from the float network on the same images; default: none")
    group.add_argument("--learning-rate", type=float, metavar="LR",
                       help="learning rate of --iters, as a share of the size of each layer's weights (1e-4)")
    group.add_argument("--observer", choices=OBSERVERS, help=f"how ranges are found ({OBSERVER_OF_FOREIGN})")


def run_onnx(args: argparse.Namespace, threads: int | None) -> int:
    """Calibrate, write, verify, compare, measure. Returns 1 if executors differ."""
    from mtzoo.recipes.foreign import quantize_onnx
    from mtzoo.recipes.foreign.images import CALIB_IMAGES

    made = quantize_onnx(float_onnx(args), args.images, args.out, calib_images=args.calib_images or CALIB_IMAGES,
                         observer=args.observer or OBSERVER_OF_FOREIGN, equalize=args.equalize or OF_FOREIGN.equalize,
                         bias_correction=args.bias_correction is not False, weight_bits=args.weight_bits or 8,
                         dtype="uint8" if args.uint8 else "float32", distillation=distillation(args), limit=args.limit,
                         threads=threads)
    return 0 if made.passed else 1
