"""Strategy and data set files of a compression: how they and the other options go together."""

import json
from dataclasses import replace
from pathlib import Path

from mtzoo.config import ExperimentConfig, config_from_dict
from mtzoo.config.dataset_file import DatasetFile, read_dataset_file, with_dataset
from mtzoo.config.strategy import Strategy, read_strategy
from mtzoo.console import note
from mtzoo.engine.distributed import is_main
from mtzoo.engine.retraining import Retraining
from mtzoo.errors import UserError
from mtzoo.recipes.compress.strategy import quantized_config
from mtzoo.settings.target import HOST, Target, Training

SEARCH_ONLY = {"speedup": "--target-speedup", "strategy": "--strategy", "max_drop": "--max-drop"}
TRAINING_ONLY = {"iterations": "--iters", "batch_size": "--batch-size", "learning_rate": "--learning-rate",
                 "workers": "--workers", "distill_from": "--distill-from"}


def read_files(strategy_config: Path | None, dataset_config: Path | None) -> tuple[Strategy | None, DatasetFile | None]:
    """What the files say, told where it changes nothing."""
    strategy = None if strategy_config is None else read_strategy(strategy_config)
    path = dataset_config or (strategy.dataset if strategy else None)
    dataset = None if path is None else read_dataset_file(path)
    if is_main():
        for line in (*(strategy.notes if strategy else ()), *(dataset.notes if dataset else ())):
            note(line)
    return strategy, dataset


def target_of(target: Target, training: Training, strategy: Strategy | None) -> Target:
    """The target with the hardware that the strategy names. Raises UserError for options that do not go with a strategy's methods."""
    if strategy is None:
        return target
    if strategy.hardware is not None and target.deploy_hardware == HOST:
        target = replace(target, deploy_hardware=strategy.hardware)
    if strategy.names_methods:
        _check_options(target, training, strategy)
    return target


def _check_options(target: Target, training: Training, strategy: Strategy) -> None:
    for name, option in SEARCH_ONLY.items():
        if getattr(target, name) is not None:
            raise UserError(f"{option}: {strategy.path} names the methods, nothing is searched; remove one of the two")
    trained = {} if strategy.trains else TRAINING_ONLY
    idle = {option: "trains nothing" for name, option in trained.items() if getattr(training, name) is not None}
    if target.deploy_hardware != HOST:
        idle["--deploy-hardware"] = "names the methods, nothing is searched"
    for option, why in idle.items():
        if is_main():
            note(f"{option}: changes nothing; {strategy.path} {why}")


def retraining_of(training: Training, strategy: Strategy | None, dataset: DatasetFile | None) -> Retraining | None:
    """How networks are trained on: options go before the files. None where a strategy trains nothing.

    Raises UserError where nobody says for how long.
    """
    batch = training.batch_size or (dataset.batch_size if dataset else None)
    if strategy is None:
        return Retraining(training.iterations, batch, training.learning_rate, training.workers)
    if strategy.names_methods and not strategy.trains:
        return None
    plan = strategy.training
    iterations, epochs = (plan.iterations, plan.epochs) if training.iterations is None else (training.iterations, None)
    rate = plan.learning_rate if training.learning_rate is None else training.learning_rate
    return Retraining(iterations, batch, rate, training.workers, epochs, plan.optimizer, plan.schedule)


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
