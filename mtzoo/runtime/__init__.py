"""Deploy models at work: on images, compared with the network they came from, and measured."""

from mtzoo.runtime.executors import EXECUTORS, OnnxRuntimeExecutor, OpenVinoExecutor, build_executor
from mtzoo.runtime.model import DeployModel
from mtzoo.runtime.pair import ModelPair
from mtzoo.runtime.result import Box, ImageLabel, Result
from mtzoo.runtime.verify import VerifyReport, verify

__all__ = ["EXECUTORS", "Box", "DeployModel", "ImageLabel", "ModelPair", "OnnxRuntimeExecutor", "OpenVinoExecutor", "Result",
           "VerifyReport", "build_executor", "verify"]
