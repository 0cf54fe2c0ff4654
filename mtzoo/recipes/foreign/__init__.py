"""Somebody else's float network to an exact integer file, with a folder of images and no training code."""

from mtzoo.recipes.foreign.compress import compress_onnx
from mtzoo.recipes.foreign.quantize import quantize_onnx
from mtzoo.recipes.foreign.source import Distillation, FloatOnnx

__all__ = ["Distillation", "FloatOnnx", "compress_onnx", "quantize_onnx"]
