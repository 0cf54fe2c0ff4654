"""PP-LiteSeg's context module and decoder (arXiv 2204.02681), which fit any backbone whose strides double."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn, conv_bn_relu, one_feature
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class SPPM(nn.Module):
    """Simple pyramid pooling of PP-LiteSeg (arXiv 2204.02681): one feature (N, C, H, W) -> `context` (N, `channels`, H, W).

    Each branch is a mean over bins, a 1x1 convolution, and an enlargement. The sum of the branches is convolved.

    Args:
        in_specs: The feature.
        channels: Channels of the result.
        bins: Bins along each side of the map, for each branch.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 128, bins: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        spec = one_feature(in_specs)
        if not bins or min(bins) < 1:
            raise ValueError(f"bins={list(bins)}: expected numbers above 0, e.g. [1, 2, 4]")
        self.bins = tuple(bins)
        self.branches = nn.ModuleList(conv_bn_relu(spec.channels, channels) for _ in bins)
        self.fuse = conv_bn_relu(channels, channels, 3)
        self.out_specs = [FeatureSpec(channels, spec.stride, "context")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[0]
        means = [branch(F.adaptive_avg_pool2d(x, bins)) for branch, bins in zip(self.branches, self.bins)]
        return [self.fuse(sum(F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False) for y in means))]


class UAFM(nn.Module):
    """Unified attention fusion with spatial attention: two maps of one size, of which the first gets as many channels as the second.

    One gate for each cell, from the means and the largest of either map's channels, says how much of either goes on.
    """

    def __init__(self, fine_channels: int, deep_channels: int, out_channels: int) -> None:
        super().__init__()
        self.fine = conv_bn_relu(fine_channels, deep_channels, 3)
        self.attention = nn.Sequential(conv_bn_relu(4, 2, 3), conv_bn(2, 1, 3))
        self.fuse = conv_bn_relu(deep_channels, out_channels, 3)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        x, y = self.fine(fine), deep
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True), y.mean(1, keepdim=True), y.amax(1, keepdim=True)], dim=1)
        gate = torch.sigmoid(self.attention(seen))
        return self.fuse(x * gate + y * (1 - gate))


@NODES.register_module()
class UAFMDecoder(nn.Module):
    """The decoder of PP-LiteSeg (arXiv 2204.02681): features -> `up0`, `up1`, ..., the finest first, each fused with all deeper ones.

    Args:
        in_specs: The features, the finest first; the last is the context at the coarsest stride, e.g. /8, /16, /32, /32.
        channels: Channels of `up0`, `up1`, ...
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: Sequence[int] = (32, 64, 128)) -> None:
        super().__init__()
        *fine, context = in_specs
        strides = [spec.stride for spec in in_specs]
        if not fine or any(b != 2 * a for a, b in zip(strides, strides[1:-1])) or strides[-1] != strides[-2]:
            raise ValueError("UAFMDecoder reads features whose strides double, then a context at the last one's stride, "
                             f"got {strides}; e.g. inputs=['backbone.stage3', 'backbone.stage4', 'backbone.stage5', 'context']")
        if len(channels) != len(fine):
            raise ValueError(f"channels={list(channels)}: expected one number for each feature but the context, {len(fine)}")
        deeper = [*channels[1:], context.channels]
        self.fusions = nn.ModuleList(UAFM(spec.channels, deep, out) for spec, deep, out in zip(fine, deeper, channels))
        self.out_specs = [FeatureSpec(c, spec.stride, f"up{i}") for i, (c, spec) in enumerate(zip(channels, fine))]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        *fine, y = features
        found = []
        for fusion, feature in zip(reversed(self.fusions), reversed(fine)):
            if found:
                y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            y = fusion(feature, y)
            found.append(y)
        return found[::-1]
