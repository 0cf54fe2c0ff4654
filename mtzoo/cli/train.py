"""Train a network in float. `quant-train --checkpoint` can start from the result.

    mtzoo train --config 4pe_resize/multitask
    mtzoo train --config real_resize/pretrain --out work_dirs/pretrain
    mtzoo train --data FOLDER
"""

import argparse

from mtzoo.cli.arguments import add_training_arguments, config_from_arguments, run_folder_from_arguments
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.other_names import add_float_phase_options
from mtzoo.cli.own_data import add_data_arguments, prepare_data
from mtzoo.cli.parser import Parser

HELP = "train a network in float"


def add_arguments(parser: Parser) -> None:
    add_training_arguments(parser, config_required=False)
    add_data_arguments(parser)
    add_float_phase_options(parser)


def run(args: argparse.Namespace) -> int:
    prepare_data(args)
    return train_config(args)


@in_processes_of_ctx
def train_config(args: argparse.Namespace) -> int:
    """Train what --config says."""
    from mtzoo.config import parts
    from mtzoo.engine.distributed import is_main, run_console
    from mtzoo.evaluation.table import format_table
    from mtzoo.recipes.train import train

    part = parts.float_pipeline_test if args.pipeline_test else parts.float_training
    config, console = config_from_arguments(args, "train", part, carried=True), run_console()
    result = train(config, run_folder_from_arguments(config, args), checkpoint=args.checkpoint, from_scratch=args.from_scratch,
                   ctx=args.ctx, resume=args.resume, pipeline_test=args.pipeline_test, console=console)
    if is_main():
        console.print(format_table(result.metrics))
        console.print(f"checkpoint: {result.checkpoint}")
    return 0
