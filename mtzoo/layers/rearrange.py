"""Channels taken apart and put in another order; integers only move."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mtzoo.layers.leaf import Homogeneous, Leaf, T
from mtzoo.layers.writer import Value, Writer


class Chunk(Leaf):
    """(N, C, H, W) -> (N, C / parts, H, W), the part of that index. Pruning takes as much from every part.

    Raises ValueError for a part that is not there, or channels that do not divide.
    """

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, parts: int, index: int) -> None:
        super().__init__()
        if not 0 <= index < parts:
            raise ValueError(f"part {index} of {parts}: expected a number in 0..{parts - 1}")
        self.parts, self.index = parts, index

    def _ends(self, channels: int) -> tuple[int, int]:
        if channels % self.parts:
            raise ValueError(f"{channels} channels do not divide into {self.parts} parts")
        size = channels // self.parts
        return self.index * size, (self.index + 1) * size

    def compute(self, x: Tensor) -> Tensor:
        start, stop = self._ends(x.shape[1])
        return x[:, start:stop]

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        return _slice(writer, name, reads[0], *self._ends(writer.shape(reads[0])[1]))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        start, stop = self._ends(len(inputs[0]))
        return list(inputs[0][start:stop])

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        size = len(inputs[0]) // self.parts
        return [(inputs[0][i], inputs[0][i % size]) for i in range(size, len(inputs[0]))]

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()


class Slice(Leaf):
    """(N, C, H, W) -> (N, stop - start, H, W), the channels start ... stop - 1. Pruning leaves what it reads alone."""

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        if not 0 <= start < stop:
            raise ValueError(f"channels {start} to {stop}: expected at least one")
        self.start, self.stop = start, stop

    def compute(self, x: Tensor) -> Tensor:
        if self.stop > x.shape[1]:
            raise ValueError(f"channels {self.start} to {self.stop} of {x.shape[1]}")
        return x[:, self.start:self.stop]

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        return _slice(writer, name, reads[0], self.start, self.stop)

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(inputs[0][self.start:self.stop])

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return [(channel, fixed) for channel in inputs[0]]

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()


class Shuffle(Leaf):
    """Channel shuffle (ShuffleNet, arXiv 1707.01083): the first of every group, then the second of every group, ..."""

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, groups: int) -> None:
        super().__init__()
        if groups < 1:
            raise ValueError(f"groups={groups}: expected 1 or more")
        self.groups = groups

    def order(self, channels: int) -> Tensor:
        """(C,) which channel comes at each place."""
        if channels % self.groups:
            raise ValueError(f"{channels} channels do not divide into {self.groups} groups")
        return torch.arange(channels).view(self.groups, -1).t().flatten()

    def compute(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.reshape(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        """Not a Gather of channels: OpenVINO (2026.4) leaves it out in front of a convolution."""
        b, source = writer.builder, writer.value(reads[0])
        n, c, h, w = writer.shape(reads[0])
        groups = b.op("Reshape", [source.tensor, b.integers(n, self.groups, c // self.groups, h, w)])
        groups = b.op("Transpose", [groups], attributes={"perm": [0, 2, 1, 3, 4]})
        return source.moved(b.op("Reshape", [groups, b.integers(n, c, h, w)], name))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return [inputs[0][i] for i in self.order(len(inputs[0])).tolist()]

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        size = len(inputs[0]) // self.groups
        return [(inputs[0][i], inputs[0][i % size]) for i in range(size, len(inputs[0]))]

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return ()


class PixelShuffle(Leaf):
    """(N, C f^2, H, W) -> (N, C, H f, W f): f^2 channels become the pixels of a cell (arXiv 1609.05158)."""

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, factor: int) -> None:
        super().__init__()
        if factor < 1:
            raise ValueError(f"factor={factor}: expected 1 or more")
        self.factor = factor

    def compute(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(x, self.factor)

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, f, source = writer.builder, self.factor, writer.value(reads[0])
        n, c, h, w = writer.shape(reads[0])
        cells = b.op("Reshape", [source.tensor, b.integers(n, c // f**2, f, f, h, w)])
        cells = b.op("Transpose", [cells], attributes={"perm": [0, 1, 4, 2, 5, 3]})
        return source.moved(b.op("Reshape", [cells, b.integers(n, c // f**2, h * f, w * f)], name))

    def channels(self, inputs: Sequence[Sequence[T]], fixed: T) -> list[T]:
        return list(inputs[0][::self.factor**2])

    def ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        size = self.factor**2
        return [(channel, inputs[0][i - i % size]) for i, channel in enumerate(inputs[0]) if i % size]

    def scale_ties(self, inputs: Sequence[Sequence[T]], fixed: T) -> Iterable[tuple[T, T]]:
        return self.ties(inputs, fixed)


class ZeroInsert(Homogeneous):
    """(N, C, H, W) -> (N, C, (H - 1) s + 1, (W - 1) s + 1): s - 1 zeros between neighbours. With a ConvBNAct behind it, whose weights
    are turned by 180 degrees, it is a transposed convolution of stride s."""

    grid_rule = "pass"
    latency_kind = "move"

    def __init__(self, stride: int) -> None:
        super().__init__()
        if stride < 1:
            raise ValueError(f"stride={stride}: expected 1 or more")
        self.stride = stride

    def compute(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        s = self.stride
        y = F.pad(x.reshape(n, c, h, 1, w, 1), (0, s - 1, 0, 0, 0, s - 1))
        return y.reshape(n, c, h * s, w * s)[:, :, :(h - 1) * s + 1, :(w - 1) * s + 1]

    def emit(self, writer: Writer, name: str, reads: Sequence[str]) -> Value:
        b, s, source = writer.builder, self.stride, writer.value(reads[0])
        n, c, h, w = writer.shape(reads[0])
        cells = b.op("Reshape", [source.tensor, b.integers(n, c, h, 1, w, 1)])
        zero = [source.zero_point] if source.zero_point else []
        cells = b.op("Pad", [cells, b.integers(0, 0, 0, 0, 0, 0, 0, 0, 0, s - 1, 0, s - 1), *zero])
        grown = b.op("Reshape", [cells, b.integers(n, c, h * s, w * s)])
        ends = b.integers((h - 1) * s + 1, (w - 1) * s + 1)
        return source.moved(b.op("Slice", [grown, b.integers(0, 0), ends, b.integers(2, 3)], name))


def _slice(writer: Writer, name: str, read: str, start: int, stop: int) -> Value:
    b, source = writer.builder, writer.value(read)
    return source.moved(b.op("Slice", [source.tensor, b.integers(start), b.integers(stop), b.integers(1)], name))
