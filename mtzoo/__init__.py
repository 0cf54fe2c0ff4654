"""A zoo of multi-task road-scene networks, deployed as the integer network that was validated.

    net = mtzoo.from_torch(module, example, mean=..., std=...)    somebody else's network, with no training code; also from_onnx
    net.quantize(images).export("net-int8.onnx")
"""

import importlib
from typing import Any

__version__ = "0.1.0"
_FOREIGN = ("from_onnx", "from_torch")


def __getattr__(name: str) -> Any:
    """`from_torch` and `from_onnx`, imported when they are asked for: they take seconds."""
    if name in _FOREIGN:
        return getattr(importlib.import_module("mtzoo.foreign"), name)
    raise AttributeError(f"module 'mtzoo' has no attribute '{name}'")
