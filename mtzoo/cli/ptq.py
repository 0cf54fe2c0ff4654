"""Quantize a float checkpoint without training (PTQ): calibrate on a few training images, export, verify, compare.

    mtzoo ptq --checkpoint work_dirs/RUN/with-bn-float-last.pt
    mtzoo ptq --config real_resize/multitask --checkpoint with-bn-float-last.pt --calib-images 64 --max-drop 0.5 \\
        --cfg-options quantization.observer=mse

--out gets `int-inference-last.pt` (a checkpoint of step 3), its deploy model and `comparison.json`. If a task loses more than
--max-drop, the parts of the network with the most quantization noise stay in float, or in 16 bits with --fallback 16bit. This network
of mixed precision is written as `mixed-last.pt` with its deploy model.

Somebody else's network, without training code (docs/foreign.md):

    mtzoo ptq --onnx model.onnx --images frames/ --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --rgb

--out gets `model-int8.onnx`, an exact integer file with the inputs and outputs of the original. It is verified, compared with the float
file on other images than those of the calibration, and measured.
Exit code 1: executors differ, or --max-drop cannot be met.
"""

import argparse

from mtzoo.cli.arguments import (
    add_checkpoint_argument,
    add_config_arguments,
    add_correction_arguments,
    add_ctx_argument,
    add_float_layers_argument,
    add_measuring_arguments,
    add_out_argument,
    config_from_arguments,
    measuring_from_arguments,
    out_from_arguments,
    with_float_layers,
)
from mtzoo.cli.idle import note_idle
from mtzoo.cli.numbers import at_least
from mtzoo.cli.onnx_source import check_one_way
from mtzoo.cli.parser import Parser
from mtzoo.cli.ptq_onnx import OF_CONFIG, OF_ONNX, add_onnx_arguments, run_onnx
from mtzoo.settings.post_training import FALLBACKS, OF_FOREIGN, Corrections

HELP = "quantize a float checkpoint without training (PTQ), export, verify, compare"
DEFAULTS = Corrections()


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser, required=False)
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), metavar="N",
                        help="training images for calibration (64, or all if there are fewer); with --onnx at most half of the folder")
    add_out_argument(parser, "a new folder; default work_dirs/CONFIG-ptq")
    add_correction_arguments(parser, f"{DEFAULTS.equalize}; with --onnx {OF_FOREIGN.equalize}", "default with --onnx")
    parser.add_argument("--max-drop", type=float, metavar="D", help="points of AP50, mIoU or top1 that a task may lose")
    parser.add_argument("--fallback", choices=tuple(FALLBACKS), default="float",
                        help="with --max-drop: the format of parts that are not quantized to 8 bits (float)")
    add_float_layers_argument(parser)
    add_ctx_argument(parser, several=False)
    add_measuring_arguments(parser)
    add_onnx_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.ptq import check_drop, quantize

    check_one_way(args, OF_CONFIG, OF_ONNX, ("checkpoint",))
    limit, threads = measuring_from_arguments(args)
    if args.onnx is not None:
        return run_onnx(args, threads)
    check_drop(args.max_drop, "0.5")
    if args.max_drop is None:
        note_idle(args, "without --max-drop all parts are quantized to 8 bits", "--fallback")
    config = with_float_layers(config_from_arguments(args, "ptq", parts.post_training), args)
    made = quantize(args.checkpoint, config, out_from_arguments(config, args, "ptq"), calib_images=args.calib_images,
                    equalize=args.equalize or DEFAULTS.equalize, bias_correction=bool(args.bias_correction), max_drop=args.max_drop,
                    fallback=args.fallback, limit=limit, threads=threads, ctx=args.ctx)
    return 0 if made.passed else 1
