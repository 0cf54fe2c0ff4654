"""--strategy-config and --dataset-config of `mtzoo compress`: how the files and the other arguments go together."""

import argparse
import json
from pathlib import Path

from mtzoo.cli.arguments import retraining_from_arguments
from mtzoo.cli.compress_strategy import quantized_config
from mtzoo.compression.hardware_profile import HOST
from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.dataset_file import DatasetFile, read_dataset_file, with_dataset
from mtzoo.config.strategy import Strategy, read_strategy
from mtzoo.console import note
from mtzoo.engine.distributed import is_main
from mtzoo.engine.retraining import Retraining
from mtzoo.errors import UserError

SEARCH_ONLY = {"target_speedup": "--target-speedup", "strategy": "--strategy", "max_drop": "--max-drop"}
TRAINING_ONLY = {"retraining_iters": "--retraining-iters", "batch_size": "--batch-size", "learning_rate": "--learning-rate",
                 "num_workers": "--num-workers", "distill_from": "--distill-from"}


def add_strategy_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files of PaddleSlim's automatic compression, see docs/from_paddle.md")
    group.add_argument("--strategy-config", type=Path, metavar="YAML",
                       help="methods to be done exactly so, or, with TrainConfig alone, how the automatic search trains")
    group.add_argument("--dataset-config", type=Path, metavar="YAML", help="data of the segmentation task, instead of the config's")


def files_from_arguments(args: argparse.Namespace) -> tuple[Strategy | None, DatasetFile | None]:
    """What the files say, told where it changes nothing; the hardware that the strategy names goes into `args`.

    Raises UserError for options that do not go with a strategy's methods.
    """
    strategy = None if args.strategy_config is None else read_strategy(args.strategy_config)
    path = args.dataset_config or (strategy.dataset if strategy else None)
    dataset = None if path is None else read_dataset_file(path)
    if strategy is not None and strategy.hardware is not None and args.deploy_hardware == HOST:
        args.deploy_hardware = strategy.hardware
    if is_main():
        for line in (*(strategy.notes if strategy else ()), *(dataset.notes if dataset else ())):
            note(line)
    if strategy is not None and strategy.names_methods:
        _check_options(args, strategy)
    return strategy, dataset


def _check_options(args: argparse.Namespace, strategy: Strategy) -> None:
    """Raises UserError for what only a search reads; tells what else changes nothing."""
    for name, option in SEARCH_ONLY.items():
        if getattr(args, name) is not None:
            raise UserError(f"{option}: {strategy.path} names the methods, nothing is searched; remove one of the two")
    trained = {} if strategy.trains else TRAINING_ONLY
    idle = {option: "trains nothing" for name, option in trained.items() if getattr(args, name) is not None}
    if args.deploy_hardware != HOST:
        idle["--deploy-hardware"] = "names the methods, nothing is searched"
    for option, why in idle.items():
        if is_main():
            note(f"{option}: changes nothing; {strategy.path} {why}")


def retraining_of(args: argparse.Namespace, strategy: Strategy | None, dataset: DatasetFile | None) -> Retraining | None:
    """How networks are trained on: the command line goes before the files. None where a strategy trains nothing.

    Raises UserError where nobody says for how long.
    """
    if strategy is None:
        return _required(args, None if dataset is None else dataset.batch_size)
    if strategy.names_methods and not strategy.trains:
        return None
    plan = strategy.training
    iterations, epochs = (plan.iterations, plan.epochs) if args.retraining_iters is None else (args.retraining_iters, None)
    batch = args.batch_size or (dataset.batch_size if dataset else None)
    rate = plan.learning_rate if args.learning_rate is None else args.learning_rate
    return Retraining(iterations, batch, rate, args.num_workers, epochs, plan.optimizer, plan.schedule)


def _required(args: argparse.Namespace, batch_size: int | None) -> Retraining:
    args.batch_size = args.batch_size or batch_size
    return retraining_from_arguments(args)


def config_of_files(config: ExperimentConfig, strategy: Strategy | None, dataset: DatasetFile | None) -> ExperimentConfig:
    """The config with the files' data, quantization and intervals."""
    if dataset is not None:
        config = with_dataset(config, dataset)
    if strategy is None:
        return config
    if strategy.training.env:
        config = config_from_dict({**config.resolved, "env": {**config.resolved.get("env", {}), **strategy.training.env}})
    own = [task.name for task in config.tasks if task.quantization]
    if strategy.quantization and own and is_main():
        note(f"{strategy.path}: does not reach the heads of {', '.join(own)}: their tasks have a 'quantization' of their own")
    return quantized_config(config, strategy)


def training_text(retraining: Retraining) -> str | None:
    """What a strategy file says of training beyond iterations, batch size and rate; None for nothing."""
    said = [retraining.epochs, dict(retraining.optimizer), retraining.schedule]
    return json.dumps(said) if any(said) else None
