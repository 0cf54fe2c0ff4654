"""FC-HarDNet (arXiv 1909.00948, code: PingoLH/FCHarDNet): blocks whose layers read those a power of two before them."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn_relu
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


class HarDBlock(nn.Module):
    """Harmonic dense block, (N, C, H, W) -> (N, `out_channels`, H, W): its odd layers and its last one, joined.

    Layer l, from 1, is a 3x3 convolution of layers l - 2^i for every 2^i that divides l, where layer 0 is the input. It has
    `growth` channels, times `multiplier` for every such i above 0, rounded to an even number.
    """

    def __init__(self, channels: int, growth: int, layers: int, multiplier: float) -> None:
        super().__init__()
        widths = [channels]
        self.reads: list[list[int]] = []
        self.layers = nn.ModuleList()
        for layer in range(1, layers + 1):
            steps = [2**i for i in range(layer.bit_length()) if layer % 2**i == 0]
            self.reads.append([layer - step for step in steps])
            widths.append(2 * int(int(growth * multiplier ** (len(steps) - 1) + 1) / 2))
            self.layers.append(conv_bn_relu(sum(widths[i] for i in self.reads[-1]), widths[-1], 3))
        self.kept = [i for i in range(1, layers + 1) if i % 2 or i == layers]
        self.out_channels = sum(widths[i] for i in self.kept)

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for conv, reads in zip(self.layers, self.reads):
            found.append(conv(torch.cat([found[i] for i in reads], dim=1)))
        return torch.cat([found[i] for i in self.kept], dim=1)


@NODES.register_module()
class HarDNetEncoder(nn.Module):
    """The encoder of FC-HarDNet (arXiv 1909.00948): image (N, 3, H, W) -> features `s4`, `s8`, ... by stride. The defaults are
    FC-HarDNet-70.

    Args:
        in_specs: The image.
        stem: Channels of four convolutions. The first and the third have stride 2.
        growth: The growth rate of each block.
        layers: The layers of each block.
        channels: Channels after each block's 1x1 convolution.
        multiplier: How much wider a layer is for each further layer that it reads.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, stem: Sequence[int] = (16, 24, 32, 48),
                 growth: Sequence[int] = (10, 16, 18, 24, 32), layers: Sequence[int] = (4, 4, 8, 8, 8),
                 channels: Sequence[int] = (64, 96, 160, 224, 320), multiplier: float = 1.7) -> None:
        super().__init__()
        if len(stem) != 4:
            raise ValueError(f"stem={list(stem)}: expected four numbers")
        if not len(growth) == len(layers) == len(channels) > 0:
            raise ValueError(f"growth={list(growth)}, layers={list(layers)}, channels={list(channels)}: expected as many of each")
        self.stem = nn.Sequential(*(conv_bn_relu(a, b, 3, stride=stride)
                                    for (a, b), stride in zip(pairwise((in_specs[0].channels, *stem)), (2, 1, 2, 1))))
        self.blocks = nn.ModuleList(HarDBlock(*numbers, multiplier) for numbers in zip((stem[-1], *channels), growth, layers))
        self.projections = nn.ModuleList(conv_bn_relu(block.out_channels, out) for block, out in zip(self.blocks, channels))
        self.pool = nn.AvgPool2d(2)
        widths = [*(block.out_channels for block in self.blocks[:-1]), channels[-1]]
        self.out_specs = [FeatureSpec(c, 4 * 2**i, f"s{4 * 2**i}") for i, c in enumerate(widths)]

    def forward(self, x: Tensor) -> list[Tensor]:
        x, features = self.stem(x), []
        for i, (block, projection) in enumerate(zip(self.blocks, self.projections)):
            features.append(block(x if i == 0 else self.pool(x)))
            x = projection(features[-1])
        return [*features[:-1], x]


@NODES.register_module()
class HarDNetDecoder(nn.Module):
    """The decoder of FC-HarDNet (arXiv 1909.00948): features whose strides double -> `up0` at the finest stride.

    The coarser feature is enlarged and joined with the next finer one. A 1x1 convolution to half of the channels and a block follow.

    Args:
        in_specs: The features, the finest first.
        growth: The growth rate of each block, the finest first.
        layers: The layers of each block, the finest first.
        multiplier: How much wider a layer is for each further layer that it reads.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, growth: Sequence[int] = (10, 16, 18, 24),
                 layers: Sequence[int] = (4, 4, 8, 8), multiplier: float = 1.7) -> None:
        super().__init__()
        strides = [spec.stride for spec in in_specs]
        if any(coarse != 2 * fine for fine, coarse in pairwise(strides)):
            raise ValueError(f"HarDNetDecoder needs strides that double, got {strides}")
        if not len(growth) == len(layers) == len(in_specs) - 1 > 0:
            raise ValueError(f"growth={list(growth)}, layers={list(layers)}: expected one number each for each feature but the "
                             f"coarsest, {len(in_specs) - 1}")
        self.projections, self.blocks = nn.ModuleList(), nn.ModuleList()
        width = in_specs[-1].channels
        for spec, k, count in zip(in_specs[-2::-1], growth[::-1], layers[::-1]):
            joined = width + spec.channels
            self.projections.append(conv_bn_relu(joined, joined // 2))
            self.blocks.append(HarDBlock(joined // 2, k, count, multiplier))
            width = self.blocks[-1].out_channels
        self.out_specs = [FeatureSpec(width, strides[0], "up0")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[-1]
        for projection, block, skip in zip(self.projections, self.blocks, features[-2::-1]):
            enlarged = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block(projection(torch.cat([enlarged, skip], dim=1)))
        return [x]
