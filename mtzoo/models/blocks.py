"""Small blocks that many networks of the zoo share, in ordinary PyTorch."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from mtzoo.structures import FeatureSpec


def conv_bn(in_channels: int, out_channels: int, kernel_size: int = 1, *, stride: int = 1, dilation: int = 1,
            groups: int = 1) -> nn.Sequential:
    """Convolution, BN: (N, C_in, H, W) -> (N, C_out, H/stride, W/stride). Weights begin as of arXiv 1502.01852, by the outputs."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, dilation * (kernel_size // 2), dilation, groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels)))


def conv_bn_relu(in_channels: int, out_channels: int, kernel_size: int = 1, *, stride: int = 1, dilation: int = 1,
                 groups: int = 1) -> nn.Sequential:
    """`conv_bn`, then ReLU."""
    block = conv_bn(in_channels, out_channels, kernel_size, stride=stride, dilation=dilation, groups=groups)
    block.add_module("relu", nn.ReLU())
    return block


class SeparableConv(nn.Sequential):
    """3x3 depthwise convolution, BN (ReLU); 1x1 convolution, BN, ReLU (arXiv 1704.04861).

    relu_between: whether a ReLU follows the depthwise convolution. Without it its 8-bit map is signed, which is slower in
    some runtimes.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, dilation: int = 1, relu_between: bool = True) -> None:
        depthwise = conv_bn_relu if relu_between else conv_bn
        super().__init__(depthwise(in_channels, in_channels, 3, stride=stride, dilation=dilation, groups=in_channels),
                         conv_bn_relu(in_channels, out_channels))


def one_feature(in_specs: Sequence[FeatureSpec]) -> FeatureSpec:
    """The only feature that a node reads. Raises ValueError if there are several."""
    if len(in_specs) != 1:
        names = ", ".join(f"{spec.name} (stride {spec.stride})" for spec in in_specs)
        raise ValueError(f"expected one feature, the inputs have {len(in_specs)}: {names}; name one, e.g. "
                         f"inputs=['backbone.{in_specs[-1].name}']")
    return in_specs[0]
