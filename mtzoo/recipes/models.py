"""A deploy model's path -> something that predicts, and what an export carries along."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict, config_hash
from mtzoo.config.overrides import override
from mtzoo.config.portable import portable
from mtzoo.data.loader import EvalBatch
from mtzoo.deploy.export import ExportSpec
from mtzoo.deploy.info import TaskInfo
from mtzoo.engine.evaluate import Predictor
from mtzoo.recipes.idle_options import note_idle_overrides
from mtzoo.runtime.model import DeployModel
from mtzoo.structures import Prediction


def export_spec(config: ExperimentConfig, step: int) -> ExportSpec:
    """What an export of the config's network carries along: nothing that tells of, or needs, this machine's files."""
    tasks = {task.name: TaskInfo(task.kind, task.classes, task.decoder) for task in config.tasks}
    carried, image = portable(config), config.int_inference_export_input_shape
    return ExportSpec(step, tasks, config.deploy_geometry, carried.graphs, carried.resolved, config_hash(config), image.format,
                      image.layout, config.channels)


def model_config(model: DeployModel, options: Mapping[str, Any]) -> ExperimentConfig:
    """The config a deploy model carries, with overrides of the data that it is evaluated on.

    All else is built into the file and stays as it is: for another geometry or other thresholds it has to be exported again.
    """
    return with_data_of(config_from_dict(model.info.config), config_from_dict(override(model.info.config, options)))


def with_data_of(config: ExperimentConfig, other: ExperimentConfig) -> ExperimentConfig:
    """The config with the other's validation sources and `env`."""
    sources = {task.name: task.val_sources for task in other.tasks}
    tasks = tuple(replace(task, val_sources=sources.get(task.name, task.val_sources)) for task in config.tasks)
    return replace(config, tasks=tasks, env=other.env)


def note_idle_model_options(model: DeployModel, options: Mapping[str, Any], verb: str) -> None:
    """Tell which of --cfg-options change nothing of a deploy model's evaluation."""
    config = config_from_dict(model.info.config)
    note_idle_overrides(model.info.config, options, part=lambda other: with_data_of(config, other), verb=f"{verb} of an exported file")


def model_predictor(model: DeployModel) -> Predictor:
    """A deploy model for the evaluator."""

    def predict(batch: EvalBatch) -> list[Prediction]:
        return model.predict_inputs([sample.image for sample in batch.samples], [sample.original_hw for sample in batch.samples])

    return predict
