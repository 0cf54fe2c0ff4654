"""All that may run a deploy model, for `verify --executors all`: each runtime with the settings that its users have.

`mtzoo.runtime.executors` mends a file where a runtime or CPU needs it. "openvino default" and "opencv" are the file as it is, as other
tools run it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module

import numpy as np
import onnx

from mtzoo.errors import UserError
from mtzoo.runtime.executors import (
    Arrays,
    Executor,
    OnnxRuntimeExecutor,
    OnnxRuntimeModel,
    OpenVinoExecutor,
    OpenVinoModel,
    in_one_line,
    serialized,
)

Build = Callable[[onnx.ModelProto, int], Executor]


class DefaultOpenVinoExecutor(OpenVinoModel):
    """OpenVINO as `benchmark_app` and model servers have it: no setting but the number of threads."""

    def __init__(self, model: onnx.ModelProto, threads: int) -> None:
        super().__init__(model.SerializeToString(), [output.name for output in model.graph.output], {"INFERENCE_NUM_THREADS": threads})


class OpenCvExecutor:
    """OpenCV's dnn module, which computes quantized layers in float32. Its number of threads is the process's."""

    float_layers = 0

    def __init__(self, model: onnx.ModelProto, threads: int) -> None:
        import cv2

        cv2.setNumThreads(threads)
        self.output_names = tuple(output.name for output in model.graph.output)
        with in_one_line("OpenCV", "load"):
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))

    def run(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        with in_one_line("OpenCV", "run"):
            for name, value in feeds.items():
                self._net.setInput(value, name)
            outputs = self._net.forward(list(self.output_names))
            return {name: np.array(value) for name, value in zip(self.output_names, outputs)}


class GpuExecutor(OnnxRuntimeModel):
    """ONNX Runtime on a GPU, as its users have it: no setting; what the provider does not compute runs on the CPU."""

    def __init__(self, model: onnx.ModelProto, threads: int, *, provider: str) -> None:
        super().__init__(serialized(model), [output.name for output in model.graph.output], threads, [provider, "CPUExecutionProvider"])


PROVIDERS = {"onnxruntime cuda": "CUDAExecutionProvider", "onnxruntime tensorrt": "TensorrtExecutionProvider"}
"""Name -> ONNX Runtime's provider for GPUs."""


def every_executor() -> dict[str, Build]:
    """Name -> how it is built. "onnxruntime all" and "openvino f32" are what `DeployModel` runs."""
    levels = {f"onnxruntime {level}": partial(OnnxRuntimeExecutor, level=level) for level in ("off", "basic", "extended", "all")}
    on_gpu = {name: partial(GpuExecutor, provider=provider) for name, provider in PROVIDERS.items()}
    return {**levels, **on_gpu, "openvino f32": OpenVinoExecutor, "openvino default": DefaultOpenVinoExecutor, "opencv": OpenCvExecutor}


MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "opencv": "cv2"}
"""First word of an executor's name -> its Python module."""


def runtime_version(name: str) -> str:
    """The version of an executor's runtime, e.g. "2026.4.1", without the commit that OpenVINO adds."""
    return import_module(MODULES[name.partition(" ")[0]]).__version__.partition("-")[0]


OTHER_FORMATS = {"litert": "it reads .tflite files, no ONNX, and its converter has no shifts of integers",
                 "ncnn": "it reads no ONNX, and has no layer for the DequantizeLinear that its converter pnnx leaves",
                 "mnn": "it reads no ONNX, and of the converted file it computes no shapes"}
"""Runtimes that no ONNX file can be given, and why."""


def build_all(builders: Mapping[str, Build], model: onnx.ModelProto, threads: int,
              feeds: Mapping[str, np.ndarray]) -> tuple[dict[str, Executor], dict[str, str]]:
    """(name -> executor of those that run the model, name -> what the others say). Each is run once: some load what they cannot run."""
    found, refused = {}, {}
    for name, build in builders.items():
        try:
            executor = build(model, threads)
            executor.run(feeds)
        except UserError as error:
            refused[name] = str(error)
        else:
            found[name] = executor
    return found, refused
