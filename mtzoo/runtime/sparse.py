"""What zero weights are worth: in bytes, raw and as stored compressed, and in runtimes, which may compute with them all the same."""

import math
import statistics
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from mtzoo.deploy.info import DeployInfo
from mtzoo.runtime.executors import OnnxRuntimeExecutor, OpenVinoExecutor
from mtzoo.runtime.feeds import noise_feeds
from mtzoo.runtime.timing import interleaved

SPARSE_RATE = 0.3
"""Share of zeros from which OpenVINO's option for sparse weights may store a layer's weights compressed."""
GAIN, ROUNDS = 1.05, 0.8
"""A gain is this many times as fast, and so in this share of the rounds; less is the noise of a busy machine."""


@dataclass(frozen=True)
class Stored:
    """The size of an integer model.

    Attributes:
        weights: The number of weights of its convolutions.
        nonzero: The number of those that are not zero.
        raw: Bytes of the file.
        deflated: Bytes of the zipped file (zlib, level 9).
        masked: Bytes of the file if each weight tensor is stored as a bit mask and its non-zeros, where that is shorter.
    """

    weights: int
    nonzero: int
    raw: int
    deflated: int
    masked: int


def stored(model: onnx.ModelProto) -> Stored:
    """Count and weigh a model whose weights are int8 initializers."""
    content = model.SerializeToString()
    weights = nonzero = saved = 0
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int8 and values.ndim == 4:
            kept = int(np.count_nonzero(values))
            weights, nonzero = weights + values.size, nonzero + kept
            saved += max(0, values.size - kept - math.ceil(values.size / 8))
    return Stored(weights, nonzero, len(content), len(zlib.compress(content, 9)), len(content) - saved)


@dataclass(frozen=True)
class SparseLatency:
    """Latencies of one runtime, medians of the same rounds.

    Attributes:
        dense_ms: Milliseconds of the dense model.
        sparse_ms: Milliseconds of the model with zeros.
        quicker: The share of the rounds in which the model with zeros was faster.
    """

    dense_ms: float
    sparse_ms: float
    quicker: float

    @classmethod
    def of(cls, dense: Sequence[float], sparse: Sequence[float]) -> "SparseLatency":
        """The comparison of times in the same rounds, in milliseconds."""
        quicker = statistics.mean(after < before for before, after in zip(dense, sparse, strict=True))
        return cls(statistics.median(dense), statistics.median(sparse), quicker)

    @property
    def speedup(self) -> float:
        """How many times as fast the model with zeros is."""
        return self.dense_ms / self.sparse_ms

    @property
    def gains(self) -> bool:
        """Whether the runtime makes use of the zeros."""
        return self.speedup >= GAIN and self.quicker >= ROUNDS


def compare_sparse(dense: onnx.ModelProto, sparse: onnx.ModelProto, info: DeployInfo, threads: int,
                   runs: int, on_round: Callable[[int], None] | None = None) -> dict[str, SparseLatency]:
    """Runtime -> latency of two models of the same layers, in interleaved rounds; OpenVINO also with its option for sparse weights.

    on_round: told the number of rounds done.
    """
    executors = {"OpenVINO dense": OpenVinoExecutor(dense, threads), "OpenVINO": OpenVinoExecutor(sparse, threads),
                 "OpenVINO, sparse weights": OpenVinoExecutor(sparse, threads, sparse_rate=SPARSE_RATE),
                 "ONNX Runtime dense": OnnxRuntimeExecutor(dense, threads), "ONNX Runtime": OnnxRuntimeExecutor(sparse, threads)}
    feeds = noise_feeds(info)
    times = interleaved({name: lambda e=executor: e.run(feeds) for name, executor in executors.items()}, runs, on_round)
    return {name: SparseLatency.of(times[f"{name.partition(',')[0]} dense"], times[name])
            for name in ("OpenVINO", "OpenVINO, sparse weights", "ONNX Runtime")}
