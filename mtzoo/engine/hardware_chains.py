"""The networks that `mtzoo hardware` measures: chains of equal steps, one for each kind of layer."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mtzoo.compression.hardware_profile import LEAF_KINDS
from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.network import emit_network
from mtzoo.graph import read_program, result_shapes
from mtzoo.layers import (
    AvgPool,
    Chunk,
    Concat,
    ConvBNAct,
    MaxPool,
    Product,
    Sum,
    Table,
    UpsampleBilinear,
    UpsampleNearest,
)
from mtzoo.models import MultiTaskNet
from mtzoo.models.vargnet.blocks import grouped
from mtzoo.ops.precision import exact_float32
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare

GROUP_BASE = 8
PERIOD = 2
"""Steps after which a chain repeats itself."""
SKIP = "skip"  # a pointwise convolution whose input is added to its sum


class Chain(nn.Module):
    """Image -> 1x1 convolution to `channels` -> `length` equal steps -> {"out": map of the same size}.

    kind: one of KINDS, or SKIP: a step is one convolution. Of LEAF_KINDS, what `leaf_step` makes: a layer always stands behind a
    depthwise convolution, the cheapest there is, for what a runtime fuses or keeps apart in a network has to be so here; two
    layers of one kind take turns where networks use both. Raises ValueError for another kind.
    """

    def __init__(self, kind: str, channels: int, length: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = ConvBNAct(3, channels, 1)
        self.gate = Table("sigmoid") if kind == "elementwise" else None
        self.steps = nn.ModuleList(_step(kind, channels, i) for i in range(length))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.first(image)
        gate = None if self.gate is None else self.gate(x)
        for step in self.steps:
            x = step(x, gate) if isinstance(step, Gated) else step(x)
        return {"out": x}


class Skipped(nn.Module):
    """A pointwise convolution, its input added to its sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvBNAct(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x, x)


class Exchanged(nn.Module):
    """Both halves of a map, in the other order: moves values as blocks of split and joined channels do."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = depthwise(channels)
        self.halves = nn.ModuleList([Chunk(2, 0), Chunk(2, 1)])
        self.concat = Concat()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.concat(self.halves[1](x), self.halves[0](x))


class Residual(nn.Module):
    """A map plus what a convolution makes of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.sum = depthwise(channels), Sum()

    def forward(self, x: Tensor) -> Tensor:
        return self.sum(self.conv(x), x)


class Gated(nn.Module):
    """What a convolution makes of a map, times a gate of the same size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.product = depthwise(channels), Product()

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return self.product(self.conv(x), gate)


def depthwise(channels: int, **more: object) -> ConvBNAct:
    return ConvBNAct(channels, channels, 3, groups=channels, **more)


def leaf_step(kind: str, channels: int, i: int) -> nn.Module:
    """The i-th step of a chain of one of LEAF_KINDS.

    move: halves exchanged; nearest enlargement of what a strided convolution made. elementwise: a sum, a gate. window: a maximum, an
    average, 3x3. resize: bilinear enlargement of what a strided convolution made. table: SiLU. Raises ValueError for another kind.
    """
    turns: dict[str, Sequence[Callable[[], nn.Module]]] = {
        "move": (lambda: Exchanged(channels), lambda: nn.Sequential(depthwise(channels, stride=2), UpsampleNearest(2))),
        "elementwise": (lambda: Residual(channels), lambda: Gated(channels)),
        "window": (lambda: nn.Sequential(depthwise(channels), MaxPool(3, stride=1, padding=1)),
                   lambda: nn.Sequential(depthwise(channels), AvgPool(3, stride=1, padding=1))),
        "resize": (lambda: nn.Sequential(depthwise(channels, stride=2), UpsampleBilinear(2)),),
        "table": (lambda: nn.Sequential(depthwise(channels, activation="none"), Table("silu")),),
    }
    if kind not in turns:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(turns)}")
    return turns[kind][i % len(turns[kind])]()


def _step(kind: str, channels: int, i: int) -> nn.Module:
    if kind in LEAF_KINDS:
        return leaf_step(kind, channels, i)
    if kind == SKIP:
        return Skipped(channels)
    return ConvBNAct(channels, channels, kernel_of(kind), groups=grouped(channels, inputs_per_group(kind, channels)))


def kernel_of(kind: str) -> int:
    """Side of the kernel of a convolution of one of KINDS."""
    return {"pointwise": 1, "dense": 3, "group": 3, "depthwise": 3}[kind]


def inputs_per_group(kind: str, channels: int) -> int:
    """Input channels of each group of a convolution of one of KINDS."""
    return {"pointwise": channels, "dense": channels, "group": GROUP_BASE, "depthwise": 1}[kind]


def chain_network(kind: str, channels: int, length: int) -> MultiTaskNet:
    """The chain as a float network of random weights, the same in each call, without BN."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        chain = Chain(kind, channels, length)
    return probe_network(chain)


def probe_network(node: nn.Module) -> MultiTaskNet:
    """A node that reads the image as a float network without BN."""
    net = MultiTaskNet({"node": node}, {"node": ("image",)}, {"probe": "node"}, {"node": ("probe",)}).eval()
    fold_bn(net, ["nodes.*"])
    return net


def probe_model(net: MultiTaskNet, hw: Sequence[int], precision: str) -> onnx.ModelProto:
    """A `probe_network` as ONNX, of integers where `precision` is int8: then it is quantized in place."""
    if precision == "int8":
        prepare(net)
        with exact_float32():
            calibrate(net, [torch.rand(1, 3, *hw, generator=torch.Generator().manual_seed(0)) * 2 - 1])
        freeze(net)
    builder = GraphBuilder()
    image = builder.add_input("image", np.uint8, (1, 3, *hw))
    shapes, made = result_shapes(net, tuple(hw)), read_program(net).outputs["probe"]["out"]
    for name in emit_network(builder, net, image, shapes, quantized=precision == "int8").floats:
        builder.add_output(name, np.float32, shapes[made])
    return builder.model("probe")
