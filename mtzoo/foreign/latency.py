"""Latency of the integer file beside its float original, in the same interleaved rounds."""

import statistics
from collections.abc import Callable

import numpy as np
import onnx

from mtzoo.deploy.export import build_model
from mtzoo.deploy.file import DeployFile
from mtzoo.foreign.network import Foreign
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.runtime.executors import OnnxRuntimeExecutor, OpenVinoExecutor
from mtzoo.runtime.timing import interleaved


def float_model(source: Foreign) -> onnx.ModelProto:
    """The original file; of a PyTorch module the same network in ONNX."""
    if source.network.model is not None:
        return source.network.model
    return build_model(source.folded, {}, DeployGeometry(source.input_hw, source.input_hw), quantized=False, postprocess=False,
                       signature=source.signature())


def measure(source: Foreign, file: DeployFile, threads: int, runs: int,
            on_round: Callable[[int], None] | None = None) -> dict[str, float]:
    """Variant -> median ms of one image."""
    plain, image = float_model(source), np.random.default_rng(0).integers(0, 256, (*source.input_hw, 3), dtype=np.uint8)
    executors = {
        "onnxruntime fp32": OnnxRuntimeExecutor(plain, threads), "openvino fp32": OpenVinoExecutor(plain, threads),
        "openvino bf16": OpenVinoExecutor(plain, threads, precision="bf16"),
        "onnxruntime int8": OnnxRuntimeExecutor(file.model, threads), "openvino int8": OpenVinoExecutor(file.model, threads)}
    signature = source.signature()
    feeds = {name: (file.info.signature if name.endswith("int8") else signature).encode(image) for name in executors}
    calls = {name: lambda e=executor, f=feeds[name]: e.run(f) for name, executor in executors.items()}
    return {name: statistics.median(times) for name, times in interleaved(calls, runs, on_round).items()}
