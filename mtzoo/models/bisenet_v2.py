"""BiSeNetV2 (arXiv 2004.02147): a wide, shallow detail branch, a narrow, deep semantic branch, and gates that join them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn, conv_bn_relu
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

DETAIL = ((64, 2), (64, 3), (128, 3))
"""Of each stage of the detail branch: channels, and how many 3x3 convolutions, of which the first has stride 2."""


class StemBlock(nn.Module):
    """(N, C_in, H, W) -> (N, C, H/4, W/4): a strided convolution, then a convolution and a max pool side by side."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(in_channels, channels, 3, stride=2)
        self.left = nn.Sequential(conv_bn_relu(channels, channels // 2), conv_bn_relu(channels // 2, channels, 3, stride=2))
        self.right = nn.MaxPool2d(3, stride=2, padding=1)
        self.fuse = conv_bn_relu(2 * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.fuse(torch.cat([self.left(x), self.right(x)], dim=1))


class GatherExpansion(nn.Module):
    """(N, C_in, H, W) -> (N, C_out, H/stride, W/stride): 3x3, depthwise to `expansion` times the channels, 1x1, a shortcut.

    At stride 1 C_out is C_in, and the shortcut is x itself. relu_between: whether a ReLU stands in front of the 1x1 convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, expansion: int, relu_between: bool) -> None:
        super().__init__()
        hidden, depthwise = expansion * in_channels, conv_bn_relu if relu_between else conv_bn
        self.gather = conv_bn_relu(in_channels, in_channels, 3)
        if stride == 1:
            self.expand = nn.Sequential(depthwise(in_channels, hidden, 3, groups=in_channels))
            self.shortcut = nn.Identity()
        else:
            self.expand = nn.Sequential(conv_bn(in_channels, hidden, 3, stride=stride, groups=in_channels),
                                        depthwise(hidden, hidden, 3, groups=hidden))
            self.shortcut = nn.Sequential(conv_bn(in_channels, in_channels, 3, stride=stride, groups=in_channels),
                                          conv_bn(in_channels, out_channels))
        self.project = conv_bn(hidden, out_channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.project(self.expand(self.gather(x))) + self.shortcut(x))


class ContextEmbedding(nn.Module):
    """x plus what the mean of the whole map says, then a 3x3 convolution. In training a batch needs two images: their means have BN."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.context = conv_bn_relu(channels, channels)
        self.conv = conv_bn_relu(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x + self.context(self.norm(F.adaptive_avg_pool2d(x, 1))))


@NODES.register_module()
class BiSeNetV2(nn.Module):
    """The backbone of BiSeNetV2 (arXiv 2004.02147): image (N, 3, H, W) -> `detail` (128, /8) and `semantic` (128, /32).

    For auxiliary heads it also gives the stages of the semantic branch: `stem` (16, /4), `stage3` (32, /8), `stage4` (64, /16),
    `stage5` (128, /32).

    Args:
        in_specs: The image.
        channels: Channels of the semantic branch, from the stem on.
        expansion: The expansion of its layers.
        relu_between: Whether a ReLU follows their depthwise convolutions. The paper has none; the published codes with the best
            results have one, and signed maps are slower.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: Sequence[int] = (16, 32, 64, 128), expansion: int = 6,
                 relu_between: bool = True) -> None:
        super().__init__()
        if len(channels) != 4:
            raise ValueError(f"channels={list(channels)}: expected four numbers, for the stem and stages 3 to 5")
        width, layers = in_specs[0].channels, []
        for out, count in DETAIL:
            layers += [conv_bn_relu(width, out, 3, stride=2), *(conv_bn_relu(out, out, 3) for _ in range(count - 1))]
            width = out
        self.detail = nn.Sequential(*layers)
        self.stem = StemBlock(in_specs[0].channels, channels[0])
        self.stages = nn.ModuleList()
        for before, out, count in zip(channels, channels[1:], (2, 2, 4)):
            strides = [2] + [1] * (count - 1)
            self.stages.append(nn.Sequential(*(
                GatherExpansion(before if stride == 2 else out, out, stride=stride, expansion=expansion, relu_between=relu_between)
                for stride in strides)))
        self.context = ContextEmbedding(channels[-1])
        names = ("stem", "stage3", "stage4", "stage5")
        stem, *stages = (FeatureSpec(c, 4 * 2**i, name) for i, (c, name) in enumerate(zip(channels, names)))
        self.out_specs = [stem, FeatureSpec(width, 8, "detail"), *stages, FeatureSpec(channels[-1], 32, "semantic")]

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [self.stem(x), self.detail(x)]
        y = features[0]
        for stage in self.stages:
            y = stage(y)
            features.append(y)
        return [*features, self.context(y)]


@NODES.register_module()
class BilateralGuidedAggregation(nn.Module):
    """The aggregation of BiSeNetV2 (arXiv 2004.02147): a detail feature and one of 4 times its stride -> `fused` at the finer stride.

    The semantic feature gates the detail at both sizes. The sum is convolved.

    Args:
        in_specs: Detail (N, C, H/s, W/s) and semantic (N, D, H/4s, W/4s).
        channels: Channels of the result.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 128) -> None:
        super().__init__()
        strides = [spec.stride for spec in in_specs]
        if len(strides) != 2 or strides[1] != 4 * strides[0]:
            raise ValueError("BilateralGuidedAggregation reads two features, the second of four times the first's stride, "
                             f"got {strides}; e.g. inputs=['backbone.detail', 'backbone.semantic']")
        detail, semantic = (spec.channels for spec in in_specs)
        self.detail_kept, self.semantic_kept = depthwise_pointwise(detail, channels), depthwise_pointwise(semantic, channels)
        self.detail_shrunk = nn.Sequential(conv_bn(detail, channels, 3, stride=2), nn.AvgPool2d(3, stride=2, padding=1))
        self.semantic_enlarged = conv_bn(semantic, channels, 3)
        self.fuse = conv_bn_relu(channels, channels, 3)
        self.out_specs = [FeatureSpec(channels, strides[0], "fused")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        detail, semantic = features
        fine = self.detail_kept(detail) * torch.sigmoid(four_times(self.semantic_enlarged(semantic)))
        coarse = self.detail_shrunk(detail) * torch.sigmoid(self.semantic_kept(semantic))
        return [self.fuse(fine + four_times(coarse))]


def depthwise_pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 depthwise convolution with BN, 1x1 convolution: no activation."""
    return nn.Sequential(conv_bn(in_channels, in_channels, 3, groups=in_channels), nn.Conv2d(in_channels, out_channels, 1))


def four_times(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 4 H, 4 W)."""
    return F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)
