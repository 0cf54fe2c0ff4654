"""STDC (arXiv 2104.13188): modules whose convolutions get narrower, all of them joined."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mtzoo.models.blocks import conv_bn, conv_bn_relu
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


class STDCModule(nn.Module):
    """Short-term dense concatenation, (N, C_in, H, W) -> (N, C_out, H/stride, W/stride): four convolutions of C_out / 2, / 4, / 8
    and / 8 channels, joined. At stride 2 the first keeps the size; an average pool shrinks it for the concat, a depthwise convolution
    for the second."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        widths = [out_channels // 2, out_channels // 4, out_channels // 8, out_channels // 8]
        self.first = conv_bn_relu(in_channels, widths[0])
        self.rest = nn.ModuleList(conv_bn_relu(a, b, 3) for a, b in pairwise(widths))
        self.shrink, self.pool = nn.Identity(), nn.Identity()
        if stride == 2:
            self.shrink = conv_bn(widths[0], widths[0], 3, stride=2, groups=widths[0])
            self.pool = nn.AvgPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        parts, x = [self.pool(first)], self.shrink(first)
        for conv in self.rest:
            x = conv(x)
            parts.append(x)
        return torch.cat(parts, dim=1)


@NODES.register_module()
class STDC(nn.Module):
    """STDC (arXiv 2104.13188): image (N, 3, H, W) -> `stage1` ... `stage5` of strides 2, 4, 8, 16, 32.

    Args:
        in_specs: The image.
        channels: Channels of each stage, multiples of 8 in the last three.
        layers: Modules in each of the last three stages: (2, 2, 2) is STDC1, (4, 5, 3) is STDC2.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: Sequence[int] = (32, 64, 256, 512, 1024),
                 layers: Sequence[int] = (2, 2, 2)) -> None:
        super().__init__()
        if len(channels) != 5 or any(c % 8 for c in channels[2:]):
            raise ValueError(f"channels={list(channels)}: expected five numbers, the last three multiples of 8")
        if len(layers) != 3 or min(layers) < 1:
            raise ValueError(f"layers={list(layers)}: expected three numbers above 0, e.g. [2, 2, 2] (STDC1) or [4, 5, 3] (STDC2)")
        self.stages = nn.ModuleList(conv_bn_relu(a, b, 3, stride=2) for a, b in pairwise((in_specs[0].channels, *channels[:2])))
        for before, out, count in zip(channels[1:], channels[2:], layers):
            self.stages.append(nn.Sequential(STDCModule(before, out, stride=2),
                                             *(STDCModule(out, out, stride=1) for _ in range(count - 1))))
        self.out_specs = [FeatureSpec(c, 2**i, f"stage{i}") for i, c in enumerate(channels, start=1)]

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
