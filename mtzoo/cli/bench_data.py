"""Measure how fast training images load: each stage, all on one core against decoding alone, and with worker processes.

    mtzoo bench-data --config 4pe_resize/seg_default --num-images 200

The training sources are read as in training, but without the cache. "masks kept" is the speed from the second epoch on, when masks, but
no images, are in the cache (env.cache_mb). Let nothing else run meanwhile.
"""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from mtzoo.cli.arguments import add_config_arguments, config_from_arguments
from mtzoo.cli.numbers import at_least, processes
from mtzoo.cli.outputs import output_file
from mtzoo.cli.parser import Parser
from mtzoo.machine import cores
from mtzoo.progress import show_progress
from mtzoo.strict_json import write_json

if TYPE_CHECKING:  # imported when the verb runs: --help should not wait for torch
    from mtzoo.config import ExperimentConfig

HELP = "measure images/s of the training data, by stage and by worker processes"


def add_arguments(parser: Parser) -> None:
    add_config_arguments(parser)
    parser.add_argument("--num-images", type=at_least(1, "--num-images"), default=64, metavar="N",
                        help="number of images, in the order of the first epoch (64)")
    parser.add_argument("--workers", type=processes("--workers"), default=None, metavar="N",
                        help="maximum number of worker processes; default: one for each core")
    parser.add_argument("--json", type=output_file("--json"), metavar="FILE", help="also write the figures to this file")


def run(args: argparse.Namespace) -> int:
    from mtzoo.cli.bench_data_table import print_speed
    from mtzoo.config import parts
    from mtzoo.data.bench import bench_input, scaling
    from mtzoo.data.dataset import MultiTaskDataset
    from mtzoo.engine.distributed import run_console
    from mtzoo.engine.evaluate import task_data, train_pipeline
    from mtzoo.recipes.data_folders import say_folders

    workers = cores() if args.workers is None else args.workers
    config = config_from_arguments(args, "bench-data", parts.loading)
    say_folders(config, run_console(), "train")
    dataset = MultiTaskDataset(task_data(config, "train"), train_pipeline(config), seed=config.env.seed)
    with show_progress("measuring") as on_progress:
        speed = bench_input(dataset, args.num_images, batch_size_of(config), workers, on_progress)
    print_speed(config.name, speed)
    if args.json:
        values = asdict(speed) | {"config": config.name, "scaling": scaling(speed.loaders)}
        write_json(args.json, values, "choose another --json")
    return 0


def batch_size_of(config: "ExperimentConfig") -> int:
    """That of the first training phase."""
    step = config.solver[0]
    return (step.float_phase or step.quant_phase).batch_size
