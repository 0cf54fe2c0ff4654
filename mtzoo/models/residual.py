"""Residual blocks (arXiv 1512.03385) with BN, and shortcuts as ResNet-D has them (arXiv 1812.01187)."""

from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn, conv_bn_relu


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)). A shortcut that changes the size averages windows first; one that changes channels is a 1x1
    convolution."""

    def __init__(self, branch: nn.Sequential, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool2d(stride))
        if stride > 1 or in_channels != out_channels:
            self.shortcut.append(conv_bn(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.shortcut(x))


def basic_block(in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> Residual:
    """Two 3x3 convolutions: (N, C_in, H, W) -> (N, width, H/stride, W/stride)."""
    branch = nn.Sequential(conv_bn_relu(in_channels, width, 3, stride=stride, dilation=dilation),
                           conv_bn(width, width, 3, dilation=dilation))
    return Residual(branch, in_channels, width, stride)


def bottleneck(in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> Residual:
    """1x1, 3x3, and 1x1 to four times the width: (N, C_in, H, W) -> (N, 4 width, H/stride, W/stride)."""
    branch = nn.Sequential(conv_bn_relu(in_channels, width), conv_bn_relu(width, width, 3, stride=stride, dilation=dilation),
                           conv_bn(width, 4 * width))
    return Residual(branch, in_channels, 4 * width, stride)
