"""Train in four quantization steps, from float to integers; then export, verify, measure, report.

    mtzoo quant-train --config 4pe_resize/multitask --pipeline-test
    mtzoo quant-train --config 4pe_resize/multitask
    mtzoo quant-train --config 4pe_resize/multitask --tasks seg_default,seg_lane
    mtzoo quant-train --config 4pe_resize/multitask --resume
"""

import argparse
import shlex
import sys

from mtzoo.cli.arguments import add_training_arguments, config_from_arguments, run_folder_from_arguments
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.parser import Parser

HELP = "train in four quantization steps, export, verify, bench, report"


def add_arguments(parser: Parser) -> None:
    add_training_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    from mtzoo.config import parts
    from mtzoo.recipes.quant_train import quant_train

    config = config_from_arguments(args, "quant-train", parts.whole if args.pipeline_test else parts.delivery)
    result = quant_train(config, run_folder_from_arguments(config, args), checkpoint=args.checkpoint, from_scratch=args.from_scratch,
                         ctx=args.ctx, resume=args.resume, pipeline_test=args.pipeline_test,
                         command="mtzoo " + shlex.join(sys.argv[1:]))
    return 0 if result is None or result.passed else 1
