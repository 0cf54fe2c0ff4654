"""Every leaf in every form, each in a small network that leaves nothing of it unseen. A new leaf is a new case here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.layers import (
    AvgPool,
    BinMean,
    Border,
    ChannelMax,
    ChannelMean,
    Chunk,
    Concat,
    ConvBNAct,
    Enlarge,
    GlobalMean,
    MaxPool,
    Mix,
    PixelShuffle,
    Product,
    RepConvBNAct,
    Rescale,
    Shuffle,
    Slice,
    SoftmaxMean,
    Spread,
    Sum,
    Table,
    UpsampleBilinear,
    UpsampleNearest,
    ZeroInsert,
)
from mtzoo.layers.table import FUNCTIONS
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

CHANNELS, WIDE = 16, 300


@dataclass(frozen=True)
class LeafCase:
    """leaf: makes it; reads: names of `INPUTS`; channels: of its result; values: different logits of one image, at least; prunable:
    whether a channel that is 0 in front of it is 0 behind it, so that masked and pruned networks are equal."""

    leaf: Callable[[], nn.Module]
    reads: tuple[str, ...] = ("unsigned",)
    channels: int = CHANNELS
    values: int = 4
    prunable: bool = True


INPUTS: dict[str, Callable[[tuple[int, int]], nn.Module]] = {
    "unsigned": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 1),
    "unsigned 2": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3),
    "signed": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 1, activation="none"),
    "signed 2": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, activation="none"),
    "pooled": lambda hw: ConvBNAct(CHANNELS, CHANNELS, hw, padding=0, groups=CHANNELS),  # (N, C, 1, 1)
    "one": lambda hw: ConvBNAct(CHANNELS, 1, 1),  # (N, 1, H, W)
    "one, signed": lambda hw: ConvBNAct(CHANNELS, 1, 1, activation="none"),
    "wide": lambda hw: ConvBNAct(CHANNELS, WIDE, 1),
    "half size": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, stride=2),
    "4x6": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, stride=16),
    "4x6, signed": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, stride=16, activation="none"),
    "6x3": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, stride=(11, 32)),
    "1x2": lambda hw: ConvBNAct(CHANNELS, CHANNELS, 3, stride=(64, 48)),
}
"""What a leaf may read: a layer behind the first one, whose map is `hw`."""
IMAGE = "image"
"""What a leaf reads that only stands in front of the first layer."""
GAINS = {"unsigned 2": 0.2, "signed 2": 6.0}
"""Of BN, so that scales differ."""


def wide(kernel_size: int, **more: object) -> ConvBNAct:
    """A layer whose weights are all positive, so that one exact sum would cost them bits."""
    layer = ConvBNAct(WIDE, CHANNELS, kernel_size, **more)
    layer.conv.weight.data.abs_()
    return layer


SHIFTED = ("sigmoid", "hardsigmoid", "softplus")
"""Functions that are not 0 at 0."""


def conv(kernel_size: int | tuple[int, int], **more: object) -> LeafCase:
    return LeafCase(lambda: ConvBNAct(CHANNELS, CHANNELS, kernel_size, **more))


CASES: dict[str, LeafCase] = {
    "conv 5x5": conv(5),
    "conv 1x7": conv((1, 7)),
    "conv 2x2, stride 2": conv(2, stride=2, padding=0),
    "conv 3x3, no padding": conv(3, padding=0),
    "conv 3x3, padded on one side": conv(3, stride=2, padding=(0, 1, 1, 0)),
    "conv 3x3, dilation 12": conv(3, dilation=12),
    "conv 3x3, dilation 3, stride 2": conv(3, dilation=3, stride=2),
    "conv 3x3, strides 2 and 1": conv(3, stride=(2, 1)),
    "border of the image": LeafCase(lambda: Border((1, 0, 2, 3), (-1.0, 0.25, 127 / 128)), (IMAGE,), 3, prunable=False),
    "conv in groups": conv(3, groups=2),
    "conv, depthwise": conv(3, groups=CHANNELS),
    "conv, depthwise, linear, dilation 4": conv(3, groups=CHANNELS, dilation=4, activation="none"),
    "conv, ReLU6": conv(3, activation="relu6"),
    "conv, clamped to 0 ... 1": conv(1, activation="unit"),
    "conv, output scale given": conv(3, activation="none", output_exponent=-4),
    "conv, BN alone": conv(1, groups=CHANNELS, weight=torch.ones(CHANNELS)),
    "conv, skip": LeafCase(lambda: ConvBNAct(CHANNELS, CHANNELS, 3), ("unsigned", "signed")),
    "conv, skip, linear": LeafCase(lambda: ConvBNAct(CHANNELS, CHANNELS, 3, activation="none"), ("signed", "signed 2")),
    "conv, skip, ReLU6": LeafCase(lambda: ConvBNAct(CHANNELS, CHANNELS, 3, activation="relu6"), ("unsigned", "unsigned 2")),
    "conv in parts": LeafCase(lambda: wide(3), ("wide",)),
    "conv in parts, skip": LeafCase(lambda: wide(3, activation="none"), ("wide", "signed")),
    "conv in parts, padded on one side": LeafCase(lambda: wide(3, padding=(1, 0, 0, 1), dilation=2, stride=2), ("wide",)),
    "rep conv": LeafCase(lambda: RepConvBNAct(CHANNELS, CHANNELS)),
    "rep conv, linear, signed": LeafCase(lambda: RepConvBNAct(CHANNELS, CHANNELS, activation="none"), ("signed",)),
    "rep conv, stride 2, wider": LeafCase(lambda: RepConvBNAct(CHANNELS, 2 * CHANNELS, stride=2), channels=2 * CHANNELS),
    "rep conv, skip": LeafCase(lambda: RepConvBNAct(CHANNELS, CHANNELS), ("unsigned", "signed")),
    "rep conv in parts": LeafCase(lambda: RepConvBNAct(WIDE, CHANNELS), ("wide",)),
    "max pool 2x2": LeafCase(lambda: MaxPool(2)),
    "max pool 3x3, stride 2, signed": LeafCase(lambda: MaxPool(3, stride=2, padding=1), ("signed",)),
    "max pool 3x3, dilation 2": LeafCase(lambda: MaxPool(3, stride=1, padding=2, dilation=2), ("signed",)),
    "max pool 3x2, padded on one side, ceil": LeafCase(lambda: MaxPool((3, 2), stride=(2, 3), padding=(0, 1, 2, 0), ceil_mode=True)),
    "average pool 2x2": LeafCase(lambda: AvgPool(2)),
    "average pool 3x3, stride 2, signed": LeafCase(lambda: AvgPool(3, stride=2, padding=1), ("signed",)),
    "average pool 3x3, stride 2, padding left out": LeafCase(lambda: AvgPool(3, stride=2, padding=1, count_include_pad=False)),
    "average pool 2x2, ceil": LeafCase(lambda: AvgPool(2, ceil_mode=True)),
    "average pool 3x4, padded on one side, ceil": LeafCase(
        lambda: AvgPool((3, 4), stride=(2, 3), padding=(0, 1, 2, 0), ceil_mode=True), ("signed",)),
    "average pool 9x11": LeafCase(lambda: AvgPool((9, 11), stride=4, padding=4)),
    "average pool 9x11, padding left out": LeafCase(
        lambda: AvgPool((9, 11), stride=4, padding=4, count_include_pad=False), ("signed",)),
    "global mean": LeafCase(GlobalMean, values=2),
    "global mean, signed": LeafCase(GlobalMean, ("signed",), values=2),
    "global mean of one cell": LeafCase(GlobalMean, ("pooled",), values=2),
    "bin mean 1": LeafCase(lambda: BinMean((1, 1)), values=2),
    "bin mean 2, signed": LeafCase(lambda: BinMean((2, 2)), ("signed",)),
    "bin mean 3": LeafCase(lambda: BinMean((3, 3))),
    "bin mean 6, signed": LeafCase(lambda: BinMean((6, 6)), ("signed",)),
    "bin mean 2x4": LeafCase(lambda: BinMean((2, 4))),
    "bin mean of columns": LeafCase(lambda: BinMean((1, None)), ("signed",)),
    "bin mean, more bins than cells": LeafCase(lambda: BinMean((2, 3)), ("pooled",), values=2),
    "channel mean": LeafCase(ChannelMean, channels=1),
    "channel mean, signed": LeafCase(ChannelMean, ("signed",), 1),
    "channel max": LeafCase(ChannelMax, channels=1),
    "channel max, signed": LeafCase(ChannelMax, ("signed",), 1),
    "softmax mean": LeafCase(SoftmaxMean, ("unsigned", "one, signed"), values=2),
    "softmax mean, signed": LeafCase(SoftmaxMean, ("signed 2", "one"), values=2),
    "nearest 2": LeafCase(lambda: UpsampleNearest(2)),
    "nearest 3, signed": LeafCase(lambda: UpsampleNearest(3), ("signed",)),
    "concat": LeafCase(Concat, ("unsigned", "unsigned 2"), 2 * CHANNELS),
    "concat, signed and unsigned": LeafCase(Concat, ("unsigned", "signed"), 2 * CHANNELS),
    **{f"table, {function}": LeafCase(lambda function=function: Table(function), ("signed",), prunable=function not in SHIFTED)
       for function in FUNCTIONS},
    "table, sigmoid, unsigned": LeafCase(lambda: Table("sigmoid"), prunable=False),
    "table, hardswish, unsigned": LeafCase(lambda: Table("hardswish")),
    "chunk": LeafCase(lambda: Chunk(2, 1), channels=CHANNELS // 2),
    "slice": LeafCase(lambda: Slice(3, 8), ("signed",), 5),
    "shuffle": LeafCase(lambda: Shuffle(4)),
    "pixel shuffle": LeafCase(lambda: PixelShuffle(2), ("signed",), CHANNELS // 4),
    "zero insert": LeafCase(lambda: ZeroInsert(2)),
    "zero insert 3, signed": LeafCase(lambda: ZeroInsert(3), ("signed",)),
    "sum of 2": LeafCase(Sum, ("unsigned", "unsigned 2")),
    "sum, ReLU": LeafCase(lambda: Sum("relu"), ("unsigned", "signed 2")),
    "sum of 3, signed and unsigned": LeafCase(Sum, ("signed", "unsigned 2", "signed 2")),
    "sum of 4, ReLU6": LeafCase(lambda: Sum("relu6"), ("unsigned", "unsigned 2", "signed", "signed 2")),
    "sum with a pooled map": LeafCase(lambda: Sum("relu"), ("pooled", "signed")),
    "sum with a map of one channel": LeafCase(Sum, ("unsigned", "one, signed"), prunable=False),
    "sum of the same": LeafCase(Sum, ("signed", "signed")),
    "product": LeafCase(Product, ("signed", "unsigned 2")),
    "product with a pooled gate": LeafCase(Product, ("unsigned", "pooled")),
    "product with a gate of one channel": LeafCase(Product, ("signed", "one")),
    "product with itself": LeafCase(Product, ("signed", "signed")),
    "mix": LeafCase(Mix, ("unsigned", "unsigned 2", "one")),
    "mix, signed": LeafCase(Mix, ("signed", "unsigned 2", "signed 2")),
    "rescale": LeafCase(Rescale),
    "rescale, signed": LeafCase(Rescale, ("signed",)),
    "rescale, ReLU": LeafCase(lambda: Rescale("relu"), ("signed",)),
    "rescale, ReLU6": LeafCase(lambda: Rescale("relu6"), ("signed 2",)),
    **{f"bilinear {factor}": LeafCase(lambda factor=factor: UpsampleBilinear(factor), ("4x6",)) for factor in (2, 8, 16)},
    "bilinear 4, signed": LeafCase(lambda: UpsampleBilinear(4), ("4x6, signed",)),
    "enlarge": LeafCase(lambda: Enlarge((61, 95)), ("4x6, signed",)),
    "enlarge, align_corners": LeafCase(lambda: Enlarge((60, 25), align_corners=True), ("6x3",)),
    "enlarge by a factor": LeafCase(lambda: Enlarge(factor=(2.5, 3)), ("4x6, signed",)),
    "enlarge to the size of another": LeafCase(Enlarge, ("6x3", "half size")),
    "enlarge a map of one row": LeafCase(lambda: Enlarge((7, 13)), ("1x2",)),
    "enlarge, to less": LeafCase(lambda: Enlarge((23, 40)), ("unsigned",)),
    "spread": LeafCase(Spread, ("pooled", "half size"), values=2),
    "concat of the same": LeafCase(Concat, ("signed", "signed"), 2 * CHANNELS),
}


@NODES.register_module()
class LeafNet(nn.Module):
    """Image -> one 4x4 convolution -> what the cases read -> their leaves -> {case: (N, 2, H', W') logits}, and the same
    behind one convolution more: runtimes treat a sum that stays and one that is rounded again differently.

    padding: of the first convolution; 0 makes the map's sides odd.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, cases: Sequence[str], padding: int, hw: tuple[int, int]) -> None:
        super().__init__()
        self.cases = {_key(case): case for case in cases}
        self.first = ConvBNAct(3, CHANNELS, 4, padding=(1 * padding, padding, 2 * padding, 2 * padding))
        side = [size - 3 * (1 - padding) for size in hw]
        self.inputs = nn.ModuleDict({name: INPUTS[name](tuple(side)) for case in cases for name in CASES[case].reads if name != IMAGE})
        self.leaves = nn.ModuleDict({key: CASES[case].leaf() for key, case in self.cases.items()})
        self.classify = nn.ModuleDict({key: classifier(CASES[case].channels) for key, case in self.cases.items()})
        self.further = nn.ModuleDict({key: nn.Sequential(ConvBNAct(CASES[case].channels, 8, 1), classifier(8))
                                      for key, case in self.cases.items()})

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = self.first(image)
        maps = {IMAGE: image} | {name: layer(x) for name, layer in self.inputs.items()}
        results = {key: self.leaves[key](*[maps[name] for name in CASES[case].reads]) for key, case in self.cases.items()}
        return {**{key: self.classify[key](result) for key, result in results.items()},
                **{f"{key}_further": self.further[key](result) for key, result in results.items()}}


def classifier(channels: int) -> ConvBNAct:
    """The last convolution of a head with two classes."""
    return ConvBNAct(channels, 2, 1, activation="none", bn=False, output="accumulator")


def _key(case: str) -> str:
    """As the name of a module and of an output."""
    return re.sub(r"[^a-z0-9]+", "_", case.lower())
