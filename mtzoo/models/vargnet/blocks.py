"""Blocks of VarGNetV2 (arXiv 1907.05653), written so that every sum happens in a convolution's accumulator.

Two sums of the paper's block are sums of 1x1 convolutions. W1 a + W2 b is one 1x1 convolution over concat(a, b), the
same function once BN is folded, so they are written as one:
- the parallel branch of a merge block becomes twice the hidden channels of the first separable conv;
- the separable shortcut of a strided block becomes further input channels of the last 1x1 conv.
"""

from torch import Tensor, nn

from mtzoo.layers import Concat, ConvBNAct


def grouped(channels: int, group_base: int) -> int:
    """Number of groups of a variable-group convolution: `group_base` input channels in each."""
    if channels % group_base:
        raise ValueError(f"{channels} channels do not divide into groups of {group_base}")
    return channels // group_base


class SeparableGroupConv(nn.Module):
    """3x3 group conv in -> in * factor, BN, ReLU; 1x1 conv -> out, BN, ReLU (VarGNet, arXiv 1907.05653)."""

    def __init__(self, in_channels: int, out_channels: int, *, group_base: int, factor: int = 2, stride: int = 1) -> None:
        super().__init__()
        hidden = in_channels * factor
        self.spatial = ConvBNAct(in_channels, hidden, 3, stride=stride, groups=grouped(in_channels, group_base))
        self.pointwise = ConvBNAct(hidden, out_channels, 1)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W) -> (N, C_out, H/stride, W/stride); `skip` is added before the last ReLU."""
        return self.pointwise(self.spatial(x), skip)


class VarGBlock(nn.Module):
    """Two separable group convs with an identity shortcut: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int, *, group_base: int, factor: int = 2) -> None:
        super().__init__()
        self.conv = SeparableGroupConv(channels, channels, group_base=group_base, factor=factor)
        self.out_conv = SeparableGroupConv(channels, channels, group_base=group_base, factor=factor)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_conv(self.conv(x), skip=x)


class VarGDownBlock(nn.Module):
    """Strided block with a separable shortcut: (N, C_in, H, W) -> (N, C_out, H/stride, W/stride).

    merge: two parallel first branches, summed.
    """

    def __init__(self, in_channels: int, out_channels: int, *, group_base: int, factor: int = 2, stride: int = 2,
                 merge: bool = False) -> None:
        super().__init__()
        branches = 2 if merge else 1
        self.conv = SeparableGroupConv(in_channels, out_channels, group_base=group_base, factor=factor * branches,
                                       stride=stride)
        self.shortcut = ConvBNAct(in_channels, in_channels * factor, 3, stride=stride,
                                  groups=grouped(in_channels, group_base))
        self.spatial = ConvBNAct(out_channels, out_channels * factor, 3, groups=grouped(out_channels, group_base))
        self.concat = Concat()
        self.pointwise = ConvBNAct((in_channels + out_channels) * factor, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.concat(self.spatial(self.conv(x)), self.shortcut(x)))
