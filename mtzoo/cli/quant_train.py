"""The main job: train in the four quantization steps, export, verify, measure, report.

    mtzoo quant-train --config 4pe_resize/multitask --pipeline-test
    mtzoo quant-train --config 4pe_resize/multitask
    mtzoo quant-train --config 4pe_resize/multitask --tasks seg_default,seg_lane
    mtzoo quant-train --config 4pe_resize/multitask --resume
"""

import argparse
import shlex
import sys

from mtzoo.cli.arguments import (
    add_training_arguments,
    adopt_for_training,
    config_from_arguments,
    run_console,
    start_of,
    work_dir_from_arguments,
)
from mtzoo.cli.deliver import deliver, export_stage
from mtzoo.cli.inputs import say_folders
from mtzoo.cli.launch import in_processes_of_ctx
from mtzoo.engine.checks import check_integers
from mtzoo.engine.distributed import is_main, leave
from mtzoo.engine.run import stages, start_run, train

HELP = "train in four quantization steps, export, verify, bench, report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)


@in_processes_of_ctx
def run(args: argparse.Namespace) -> int:
    config = config_from_arguments(args)
    check_integers(config)
    console = run_console()
    work_dir = work_dir_from_arguments(config, args)
    config = adopt_for_training(config, args, work_dir, console)
    say_folders(config, *(("val",) if args.pipeline_test else ("train", "val")))
    started = start_run(config, work_dir, ctx=args.ctx, resume=args.resume, pipeline_test=args.pipeline_test, console=console)
    try:
        finished = train(started, stages(config, float_only=False), resume=args.resume, initialize=start_of(config, args),
                         on_stage_end=export_stage)
        if not is_main():
            return 0
        command = "mtzoo " + shlex.join(sys.argv[1:])
        return deliver(finished, command)
    finally:
        leave()
