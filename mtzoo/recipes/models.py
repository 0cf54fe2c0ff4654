"""A deploy model's path -> something that predicts, and what an export carries along."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mtzoo.config import ExperimentConfig, config_from_dict, config_hash
from mtzoo.config.overrides import override
from mtzoo.config.portable import portable
from mtzoo.data.json_file import read_json
from mtzoo.data.loader import EvalBatch
from mtzoo.deploy.export import ExportSpec
from mtzoo.deploy.info import TaskInfo
from mtzoo.engine.evaluate import Predictor
from mtzoo.ops.geometry import CropWindow
from mtzoo.plain_data import build
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
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


def load_pair(resize: Path, crop: Path, window: CropWindow | None, executor: str, threads: int | None) -> ModelPair:
    """Two deploy models as one, merged by the rule in the crop model's config. window: instead of the crop model's own."""
    models = [DeployModel.load(path, executor=executor, threads=threads) for path in (resize, crop)]
    rule = model_config(models[1], {}).merge
    return ModelPair(models[0], models[1].at(window) if window else models[1], rule)


def read_window(path: Path) -> CropWindow:
    """A JSON file with what `deploy_geometry.window` of a config holds. Raises UserError naming the file and the key."""
    values = read_json(path, "window file", "name a JSON file with 'vanishing_point' and 'original_hw', or 'camera'")
    return build(CropWindow, values, str(path))


def model_predictor(model: DeployModel) -> Predictor:
    """A deploy model for the evaluator."""

    def predict(batch: EvalBatch) -> list[Prediction]:
        return model.predict_inputs([sample.image for sample in batch.samples], [sample.original_hw for sample in batch.samples])

    return predict
