"""What a config says, checked."""

from mtzoo.config.load import config_from_dict, config_hash, load_config
from mtzoo.config.schema import ExperimentConfig
from mtzoo.config.solver import Phase, PipelineTest, SolverStep
from mtzoo.config.task import TaskConfig

__all__ = ["ExperimentConfig", "Phase", "PipelineTest", "SolverStep", "TaskConfig", "config_from_dict", "config_hash", "load_config"]
