"""PP-HumanSeg-Lite (arXiv 2112.07146): a ShuffleNetV2 of two stages and a light decoder, for portraits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import SeparableConv, conv_bn, conv_bn_relu
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

STEM, SHORTCUT = 36, 18
STAGES = ((72, 3), (144, 7))
"""Channels, and units of stride 1 behind the strided one, of strides 8 and 16."""


def shuffle_branch(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """1x1, 3x3 depthwise, 1x1: (N, C_in, H, W) -> (N, C_out, H/stride, W/stride)."""
    depthwise = conv_bn(out_channels, out_channels, 3, stride=stride, groups=out_channels)
    return nn.Sequential(conv_bn_relu(in_channels, out_channels), depthwise, conv_bn_relu(out_channels, out_channels))


class ShuffleUnit(nn.Module):
    """Half of the channels pass as they are, the others through a branch; both are shuffled (arXiv 1807.11164)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = shuffle_branch(channels // 2, channels // 2, stride=1)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        return self.shuffle(torch.cat([kept, self.branch(changed)], dim=1))


class ShuffleDownUnit(nn.Module):
    """Two strided branches, joined and shuffled: (N, C_in, H, W) -> (N, C_out, H/2, W/2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.left = SeparableConv(in_channels, out_channels // 2, stride=2, relu_between=False)
        self.right = shuffle_branch(in_channels, out_channels // 2, stride=2)
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(torch.cat([self.left(x), self.right(x)], dim=1))


@NODES.register_module()
class PPHumanSegLite(nn.Module):
    """The backbone of PP-HumanSeg-Lite (arXiv 2112.07146): image (N, 3, H, W) -> `shortcut` (18, /2) and `stage2` (144, /16).

    Args:
        in_specs: The image.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec]) -> None:
        super().__init__()
        self.stem = conv_bn_relu(in_specs[0].channels, STEM, 3, stride=2)
        self.shortcut = conv_bn_relu(STEM, SHORTCUT)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.Sequential()
        channels = STEM
        for out, units in STAGES:
            self.stages.append(nn.Sequential(ShuffleDownUnit(channels, out), *[ShuffleUnit(out) for _ in range(units)]))
            channels = out
        self.out_specs = [FeatureSpec(SHORTCUT, 2, "shortcut"), FeatureSpec(channels, 16, "stage2")]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        return [self.shortcut(x), self.stages(self.pool(x))]


@NODES.register_module()
class PPHumanSegDecoder(nn.Module):
    """The decoder of PP-HumanSeg-Lite (arXiv 2112.07146): a fine and a coarse feature -> `fused` at the fine stride.

    The coarse feature is enlarged and joined with the fine one.

    Args:
        in_specs: The fine and the coarse feature.
        channels: Channels of the result.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 64) -> None:
        super().__init__()
        if len(in_specs) != 2 or in_specs[1].stride % in_specs[0].stride:
            raise ValueError(f"expected two features, the second's stride a multiple of the first's; got strides "
                             f"{[spec.stride for spec in in_specs]}")
        fine, coarse = in_specs
        self.factor = coarse.stride // fine.stride
        self.reduce = SeparableConv(coarse.channels, channels, relu_between=False)
        self.fuse = SeparableConv(fine.channels + channels, channels, relu_between=False)
        self.refine = conv_bn(channels, channels, 3, groups=channels)
        self.out_specs = [FeatureSpec(channels, fine.stride, "fused")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        fine, coarse = features
        enlarged = F.interpolate(self.reduce(coarse), scale_factor=self.factor, mode="bilinear", align_corners=False)
        return [self.refine(self.fuse(torch.cat([fine, enlarged], dim=1)))]
