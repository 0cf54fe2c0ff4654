"""Mean and maximum over channels."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from mtzoo.layers.leaf import Leaf, T
from mtzoo.layers.means import Mean, times
from mtzoo.layers.writer import Value, Writer


class ChannelMean(Mean):
    """(N, C, H, W) -> (N, 1, H, W). Pruning leaves its inputs alone: 1/C would change."""

    def sums(self, x: Tensor) -> Tensor:
        return x.sum(1, keepdim=True)

    def cells(self, shape: Sequence[int]) -> Tensor:
        return torch.tensor([[shape[1]]])

    def emit_sums(self, writer: Writer, read: str, factors: np.ndarray) -> str:
        b = writer.builder
        return times(writer, b.op("ReduceSum", [writer.as_float(read), b.integers(1)], attributes={"keepdims": 1}), factors)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return [fixed]

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ((channel, fixed) for channel in inputs[0])

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return self.ties(inputs, fixed)


class ChannelMax(Leaf):
    """(N, C, H, W) -> (N, 1, H, W). Exact in any precision. Pruning leaves its inputs alone: without a channel that is 0, the largest
    may be below 0."""

    grid_rule = "pass"
    latency_kind = "window"

    def compute(self, x: Tensor) -> Tensor:
        return x.amax(1, keepdim=True)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        source = writer.value(reads[0])
        return source.moved(writer.builder.op("ReduceMax", [source.tensor], name, {"axes": (1,), "keepdims": 1}))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return [fixed]

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ((channel, fixed) for channel in inputs[0])
