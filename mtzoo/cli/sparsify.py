"""Retrain a float network while more and more of its weights become zero; then quantize, export, verify, compare.

    mtzoo sparsify --config real_resize/multitask --checkpoint with-bn-float-last.pt --ratio 0.75 --iters 4000 \\
        --distill-from with-bn-float-last.pt
    mtzoo sparsify --config real_resize/multitask --checkpoint with-bn-float-last.pt --pattern 2:4 --iters 4000

--out gets `with-bn-float-last.pt`, a float checkpoint for `quant-train --checkpoint` (the zeros stay with the same `sparsity` in the
config); `int-inference-last.pt` and its deploy model; `comparison.json`; and `sparsity.json` with sizes, raw and compressed, and
latencies, against the same network with all weights. Exit code 1: executors differ.
"""

import argparse

from mtzoo.cli.arguments import (
    add_checkpoint_argument,
    add_config_arguments,
    add_ctx_argument,
    add_measuring_arguments,
    add_out_argument,
    add_retraining_arguments,
    config_from_arguments,
    measuring_from_arguments,
    out_from_arguments,
    retraining_from_arguments,
)
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.numbers import at_least
from mtzoo.cli.parser import Parser

HELP = "zero weights while retraining, quantize, export, verify, compare"


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser)
    parser.add_argument("--ratio", type=float, metavar="R",
                        help="share of weights to be zero; default: the config's sparsity")
    parser.add_argument("--pattern", metavar="N:M", help="keep N of M neighbouring weights, e.g. 2:4; default: unstructured")
    add_retraining_arguments(parser)
    add_ctx_argument(parser)
    parser.add_argument("--calib-images", type=at_least(1, "--calib-images"), metavar="N",
                        help="training images for calibration (64, or all if there are fewer)")
    add_out_argument(parser, "a new folder; default work_dirs/CONFIG-sparsify")
    add_measuring_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.sparsify import sparsify, sparsity_options

    limit, threads = measuring_from_arguments(args)
    retraining = retraining_from_arguments(args)
    config = config_from_arguments(args, "sparsify", parts.delivery, sparsity_options(args.ratio, args.pattern))
    made = sparsify(args.checkpoint, config, out_from_arguments(config, args, "sparsify"), retraining=retraining,
                    calib_images=args.calib_images, ctx=args.ctx, resume=args.resume, limit=limit, threads=threads)
    return 0 if made is None or made.integers.passed else 1
