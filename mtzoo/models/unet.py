"""UNet (arXiv 1505.04597), padded and with BN, as semantic segmentation of whole images uses it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn_relu
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


def double_conv(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3x3 convolutions with BN and ReLU."""
    return nn.Sequential(conv_bn_relu(in_channels, out_channels, 3), conv_bn_relu(out_channels, out_channels, 3))


@NODES.register_module()
class UNetEncoder(nn.Module):
    """The encoder of UNet (arXiv 1505.04597): image (N, 3, H, W) -> `level0`, `level1`, ... of strides 1, 2, 4, ...

    Each level has two convolutions; max pools lie between.

    Args:
        in_specs: The image.
        channels: Channels of each level.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: Sequence[int] = (64, 128, 256, 512, 512)) -> None:
        super().__init__()
        widths = [in_specs[0].channels, *channels]
        self.levels = nn.ModuleList(double_conv(a, b) for a, b in zip(widths, widths[1:]))
        self.pool = nn.MaxPool2d(2)
        self.out_specs = [FeatureSpec(c, 2**i, f"level{i}") for i, c in enumerate(channels)]

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for i, level in enumerate(self.levels):
            x = level(x if i == 0 else self.pool(x))
            features.append(x)
        return features


@NODES.register_module()
class UNetDecoder(nn.Module):
    """The decoder of UNet (arXiv 1505.04597): features whose strides double -> `up0` at the finest stride.

    The coarser feature is enlarged, joined with the next finer one, and convolved twice.

    Args:
        in_specs: The features, the finest first.
        channels: Channels after each concatenation, the finest first.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: Sequence[int] = (64, 64, 128, 256)) -> None:
        super().__init__()
        strides = [spec.stride for spec in in_specs]
        if any(coarse != 2 * fine for fine, coarse in zip(strides, strides[1:])):
            raise ValueError(f"UNetDecoder needs strides that double, got {strides}")
        if len(channels) != len(in_specs) - 1:
            raise ValueError(f"channels={list(channels)}: expected one number for each feature but the coarsest, {len(in_specs) - 1}")
        deeper = [*channels[1:], in_specs[-1].channels]
        self.levels = nn.ModuleList(double_conv(below + spec.channels, out)
                                    for below, spec, out in zip(deeper, in_specs, channels))
        self.out_specs = [FeatureSpec(channels[0], strides[0], "up0")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[-1]
        for level, skip in zip(reversed(self.levels), reversed(features[:-1])):
            x = level(torch.cat([F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), skip], dim=1))
        return [x]
