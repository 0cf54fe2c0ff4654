"""DeepLab: convolutions of several dilations (V3, arXiv 1706.05587), and a decoder behind them (V3+, arXiv 1802.02611)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import SeparableConv, conv_bn_relu, one_feature
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (arXiv 1706.05587): one feature -> `aspp` of the same stride.

    A 1x1 convolution, a 3x3 convolution with each dilation, and the mean of the whole map are joined.

    Args:
        in_specs: The feature.
        channels: Channels of each branch and of the result.
        dilations: The dilations. Published are 6, 12, 18 at stride 16, and twice as much at stride 8.
        separable: Whether 3x3 convolutions are depthwise, each with a 1x1 convolution.
        image_mean: Whether there is the branch of the mean.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 256, dilations: Sequence[int] = (6, 12, 18),
                 separable: bool = True, image_mean: bool = True) -> None:
        super().__init__()
        spec = one_feature(in_specs)
        self.point = conv_bn_relu(spec.channels, channels)
        self.atrous = nn.ModuleList(
            SeparableConv(spec.channels, channels, dilation=dilation) if separable
            else conv_bn_relu(spec.channels, channels, 3, dilation=dilation) for dilation in dilations)
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv_bn_relu(spec.channels, channels)) if image_mean else None
        branches = 1 + len(self.atrous) + image_mean
        self.join = conv_bn_relu(branches * channels, channels)
        self.out_specs = [FeatureSpec(channels, spec.stride, "aspp")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[0]
        branches = [self.point(x), *(conv(x) for conv in self.atrous)]
        if self.image is not None:
            branches.append(F.interpolate(self.image(x), size=x.shape[2:], mode="bilinear", align_corners=False))
        return [self.join(torch.cat(branches, dim=1))]


@NODES.register_module()
class DeepLabV3PlusDecoder(nn.Module):
    """The decoder of DeepLabV3+ (arXiv 1802.02611): a fine and a deep feature -> `decoder` of the fine stride.

    The deep feature is enlarged, joined with the fine one, and convolved twice.

    Args:
        in_specs: The fine and the deep feature.
        low_channels: Channels to which the fine feature is reduced.
        channels: Channels of the result.
        separable: Whether 3x3 convolutions are depthwise, each with a 1x1 convolution, as published.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, low_channels: int = 48, channels: int = 256, separable: bool = True) -> None:
        super().__init__()
        if len(in_specs) != 2 or in_specs[0].stride > in_specs[1].stride:
            raise ValueError("expected two features, the finer first, e.g. inputs=['backbone.stage1', 'aspp']; got "
                             f"{', '.join(f'{spec.name} (stride {spec.stride})' for spec in in_specs)}")
        fine, deep = in_specs
        self.low = conv_bn_relu(fine.channels, low_channels)
        widths = [low_channels + deep.channels, channels, channels]
        self.convs = nn.Sequential(*(SeparableConv(a, b) if separable else conv_bn_relu(a, b, 3) for a, b in zip(widths, widths[1:])))
        self.out_specs = [FeatureSpec(channels, fine.stride, "decoder")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        fine, deep = features
        deep = F.interpolate(deep, size=fine.shape[2:], mode="bilinear", align_corners=False)
        return [self.convs(torch.cat([deep, self.low(fine)], dim=1))]
