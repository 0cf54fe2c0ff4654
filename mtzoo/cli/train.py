"""Train a network in float, the first phase of step 0; its checkpoint starts `quant-train --load-from`.

    mtzoo train --config 4pe_resize/multitask
    mtzoo train --config real_resize/pretrain --work-dir work_dirs/pretrain
    mtzoo train --data FOLDER
"""

import argparse

from mtzoo.cli.arguments import (
    add_training_arguments,
    adopt_for_training,
    config_from_arguments,
    run_console,
    start_of,
    work_dir_from_arguments,
)
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.cli.other_names import add_float_phase_options
from mtzoo.cli.own_data import add_data_arguments, prepare_data
from mtzoo.engine.distributed import is_main, leave
from mtzoo.engine.run import stages, start_run, train
from mtzoo.errors import UserError
from mtzoo.evaluation.table import format_table

HELP = "train a network in float"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser, config_required=False)
    add_data_arguments(parser)
    add_float_phase_options(parser)


def run(args: argparse.Namespace) -> int:
    prepare_data(args)
    return train_config(args)


@in_processes_of_ctx
def train_config(args: argparse.Namespace) -> int:
    """Train what --config says."""
    config = config_from_arguments(args)
    if config.solver[0].float_phase is None:
        raise UserError("solver[0] has no float_phase, which is what `train` runs; add one or use quant-train")
    console = run_console()
    work_dir = work_dir_from_arguments(config, args)
    config = adopt_for_training(config, args, work_dir, console)
    say_folders(config, *(("val",) if args.pipeline_test else ("train", "val")))
    started = start_run(config, work_dir, ctx=args.ctx, resume=args.resume, pipeline_test=args.pipeline_test, console=console)
    try:
        finished = train(started, stages(config, float_only=True), resume=args.resume, initialize=start_of(config, args))
    finally:
        leave()
    if is_main():
        console.print(format_table(finished.history[-1].metrics))
        console.print(f"checkpoint: {work_dir}/{config.solver[0].prefix}-float-last.pt")
    return 0
