"""Quantization-aware training (QAT) of a float checkpoint in one stage; then export, verify, compare.

    mtzoo quant --config real_resize/multitask --checkpoint with-bn-float-last.pt --iters 300
    mtzoo quant --config real_resize/multitask --checkpoint pruned-float-last.pt --iters 300 --learning-rate 2e-5
    mtzoo quant ... --resume

All BN is folded at once, and ranges are calibrated. `--equalize` and `--bias-correction` correct the calibrated network, as in `ptq`.
Fake-quant training follows, by the config's phase of step 2. `mtzoo quant-train` takes four steps, from float training on. If the
config's `quantization` has float or 16-bit parts, or scales of any value, the network is written as `mixed-*`. Exit code 1: executors
differ.
"""

import argparse
from dataclasses import replace

from mtzoo.cli.arguments import (
    add_checkpoint_argument,
    add_config_arguments,
    add_correction_arguments,
    add_ctx_argument,
    add_float_layers_argument,
    add_measuring_arguments,
    add_out_argument,
    add_retraining_arguments,
    config_from_arguments,
    measuring_from_arguments,
    out_from_arguments,
    retraining_from_arguments,
    with_float_layers,
)
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.parser import Parser

HELP = "quantization-aware training of a float checkpoint in one stage, export, verify, compare"


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser, in_checkpoint=True)
    add_checkpoint_argument(parser)
    add_out_argument(parser, "where the run is kept; default work_dirs/CONFIG-quant")
    add_retraining_arguments(parser)
    add_correction_arguments(parser, "default: from the config's phase", "default: from the config's phase")
    add_ctx_argument(parser)
    add_float_layers_argument(parser)
    add_measuring_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.quant import quant

    limit, threads = measuring_from_arguments(args)
    retraining = replace(retraining_from_arguments(args), equalize=args.equalize, bias_correction=args.bias_correction)
    config = with_float_layers(config_from_arguments(args, "quant", parts.delivery), args)
    made = quant(args.checkpoint, config, out_from_arguments(config, args, "quant"), retraining=retraining, ctx=args.ctx,
                 resume=args.resume, limit=limit, threads=threads)
    return 0 if made is None or made.passed else 1
