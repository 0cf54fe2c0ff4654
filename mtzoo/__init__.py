"""A zoo of multi-task road-scene networks, deployed as the integer network that was validated.

    model = mtzoo.DeployModel("dashcam_resize_mobilenetv2")       a zoo model on images, folders, videos, a camera
    model.predict("photo.jpg").save("seen.jpg")

    run = mtzoo.quant_train("real_resize/multitask")              trained, quantized, exported, verified, measured

    net = mtzoo.from_torch(module, example, mean=..., std=...)    somebody else's network, with no training code; also from_onnx
    net.quantize(images).export("net-int8.onnx")

docs/python.md tells of every function. What is exported here is imported when it is first asked for: torch takes seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtzoo.config.schema import ExperimentConfig
    from mtzoo.console import PlainConsole
    from mtzoo.engine.retraining import Retraining
    from mtzoo.errors import UserError
    from mtzoo.foreign.network import from_onnx, from_torch
    from mtzoo.locate import list_configs, list_models
    from mtzoo.recipes.bench import bench
    from mtzoo.recipes.compress import compress
    from mtzoo.recipes.config import build_model, load_checkpoint, load_config
    from mtzoo.recipes.convert_data import convert_data
    from mtzoo.recipes.evaluate import evaluate
    from mtzoo.recipes.export import export
    from mtzoo.recipes.foreign.compress import compress_onnx
    from mtzoo.recipes.foreign.quantize import quantize_onnx
    from mtzoo.recipes.foreign.source import Distillation, FloatOnnx
    from mtzoo.recipes.pair import evaluate_pair
    from mtzoo.recipes.prune import prune
    from mtzoo.recipes.ptq import quantize
    from mtzoo.recipes.quant import quant
    from mtzoo.recipes.quant_train import quant_train
    from mtzoo.recipes.sensitivity import measure_sensitivity
    from mtzoo.recipes.sparsify import sparsify
    from mtzoo.recipes.train import train
    from mtzoo.recipes.verify import verify
    from mtzoo.runtime.model import DeployModel
    from mtzoo.runtime.result import Box, ImageLabel, Result
    from mtzoo.settings.pruning import Pruning
    from mtzoo.settings.target import Target, Training

__version__ = "0.2.0"
_MODULES = {
    "Box": "runtime.result", "DeployModel": "runtime.model", "Distillation": "recipes.foreign.source",
    "ExperimentConfig": "config.schema", "FloatOnnx": "recipes.foreign.source",
    "ImageLabel": "runtime.result", "PlainConsole": "console",
    "Pruning": "settings.pruning", "Result": "runtime.result", "Retraining": "engine.retraining", "Target": "settings.target",
    "Training": "settings.target", "UserError": "errors", "bench": "recipes.bench", "build_model": "recipes.config",
    "compress": "recipes.compress", "compress_onnx": "recipes.foreign.compress",
    "convert_data": "recipes.convert_data", "evaluate": "recipes.evaluate",
    "evaluate_pair": "recipes.pair", "export": "recipes.export", "from_onnx": "foreign.network", "from_torch": "foreign.network",
    "list_configs": "locate", "list_models": "locate", "load_checkpoint": "recipes.config", "load_config": "recipes.config",
    "measure_sensitivity": "recipes.sensitivity", "prune": "recipes.prune", "quant": "recipes.quant",
    "quant_train": "recipes.quant_train", "quantize": "recipes.ptq", "quantize_onnx": "recipes.foreign.quantize",
    "sparsify": "recipes.sparsify", "train": "recipes.train",
    "verify": "recipes.verify",
}
"""What is exported -> the module below mtzoo that holds it."""
__all__ = ["Box", "DeployModel", "Distillation", "ExperimentConfig", "FloatOnnx", "ImageLabel", "PlainConsole", "Pruning",
           "Result", "Retraining", "Target", "Training", "UserError", "bench", "build_model", "compress", "compress_onnx",
           "convert_data", "evaluate", "evaluate_pair", "export", "from_onnx", "from_torch", "list_configs", "list_models",
           "load_checkpoint", "load_config", "measure_sensitivity", "prune", "quant", "quant_train", "quantize",
           "quantize_onnx", "sparsify", "train", "verify"]


def __getattr__(name: str) -> Any:
    """What is exported, imported now."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"mtzoo.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'mtzoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
