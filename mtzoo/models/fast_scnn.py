"""Fast-SCNN (arXiv 1902.04502): the first layers are shared by a branch that keeps the size and one that sees the whole image."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import SeparableConv, conv_bn, conv_bn_relu
from mtzoo.models.pspnet import PyramidPooling
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

EXPANSION = 6
"""Of the bottlenecks: inside they are as many times wider."""
BLOCKS = 3
"""Bottlenecks in each stage."""


class Bottleneck(nn.Module):
    """Inverted residual of MobileNetV2 (arXiv 1801.04381) with ReLU: (N, C_in, H, W) -> (N, C_out, H/stride, W/stride)."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        hidden = EXPANSION * in_channels
        self.expand = conv_bn_relu(in_channels, hidden)
        self.depthwise = conv_bn_relu(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = conv_bn(hidden, out_channels)
        self.adds = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


@NODES.register_module()
class FastSCNN(nn.Module):
    """The backbone of Fast-SCNN (arXiv 1902.04502): image (N, 3, H, W) -> `high` (64, /8) and `low` (128, /32).

    Args:
        in_specs: The image.
        downsampling: Channels of the first three layers.
        channels: Channels of the three stages after them.
        out_channels: Channels of `low`.
        pyramid_kernel: The kernel of the convolution after the pyramid: 3 as in PaddleSeg, 1 as in the paper.
        relu_between: Whether a ReLU follows the depthwise convolutions of the first layers. The paper has none; signed maps are slower.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, downsampling: Sequence[int] = (32, 48, 64),
                 channels: Sequence[int] = (64, 96, 128), out_channels: int = 128, pyramid_kernel: int = 3,
                 relu_between: bool = True) -> None:
        super().__init__()
        for name, widths in (("downsampling", downsampling), ("channels", channels)):
            if len(widths) != 3:
                raise ValueError(f"{name}={list(widths)}: expected three numbers")
        first, second, third = downsampling
        self.downsample = nn.Sequential(conv_bn_relu(in_specs[0].channels, first, 3, stride=2),
                                        SeparableConv(first, second, stride=2, relu_between=relu_between),
                                        SeparableConv(second, third, stride=2, relu_between=relu_between))
        self.stages = nn.Sequential()
        for before, out, stride in zip((third, *channels), channels, (2, 2, 1)):
            self.stages.append(nn.Sequential(Bottleneck(before, out, stride=stride),
                                             *(Bottleneck(out, out, stride=1) for _ in range(BLOCKS - 1))))
        self.pyramid = PyramidPooling([FeatureSpec(channels[-1], 32, "stages")])
        self.fuse = conv_bn_relu(self.pyramid.out_specs[0].channels, out_channels, pyramid_kernel)
        self.out_specs = [FeatureSpec(third, 8, "high"), FeatureSpec(out_channels, 32, "low")]

    def forward(self, x: Tensor) -> list[Tensor]:
        high = self.downsample(x)
        (pyramid,) = self.pyramid([self.stages(high)])
        return [high, self.fuse(pyramid)]


@NODES.register_module()
class FeatureFusionModule(nn.Module):
    """The fusion of Fast-SCNN (arXiv 1902.04502): two features, the second of 4 times the stride -> `fused`, their sum, at the
    finer stride.

    Args:
        in_specs: The two features.
        channels: Channels of the result.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 128) -> None:
        super().__init__()
        strides = [spec.stride for spec in in_specs]
        if len(strides) != 2 or strides[1] != 4 * strides[0]:
            raise ValueError(f"FeatureFusionModule reads two features, the second of four times the first's stride, got {strides}; "
                             "e.g. inputs=['backbone.high', 'backbone.low']")
        high, low = (spec.channels for spec in in_specs)
        self.low = nn.Sequential(conv_bn_relu(low, low, 3, groups=low), conv_bn(low, channels))
        self.high = conv_bn(high, channels)
        self.relu = nn.ReLU()
        self.out_specs = [FeatureSpec(channels, strides[0], "fused")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        high, low = features
        enlarged = F.interpolate(low, scale_factor=4, mode="bilinear", align_corners=False)
        return [self.relu(self.low(enlarged) + self.high(high))]
