"""The one-convolution form of each sum equals the sum the paper writes, once BN is folded."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.layers import ConvBNAct
from mtzoo.models.vargnet.blocks import SeparableGroupConv, VarGBlock, VarGDownBlock, grouped
from mtzoo.quantization import fold_bn


def with_random_statistics(block: nn.Module) -> nn.Module:
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return block.double().eval()


def conv(layer: ConvBNAct, x: Tensor) -> Tensor:
    """A folded layer's convolution, without its ReLU."""
    return F.conv2d(x, layer.conv.weight, layer.conv.bias, layer.conv.stride, layer.conv.padding, groups=layer.conv.groups)


@pytest.mark.parametrize(("stride", "merge"), [(2, True), (2, False), (1, True)])
def test_down_block_is_the_papers_sum_of_branches(stride, merge):
    torch.manual_seed(0)
    block = with_random_statistics(VarGDownBlock(16, 24, group_base=8, factor=2, stride=stride, merge=merge))
    x = torch.randn(2, 16, 12, 20, dtype=torch.float64)
    with torch.no_grad():
        live = block(x)
        fold_bn(block, ["*"])
        # paper: relu(branch_a(x) + branch_b(x)), each a separable conv of its own; group convs split by output channels
        spatial, pointwise = block.conv.spatial, block.conv.pointwise
        hidden = conv(spatial, x).relu()
        branches = hidden.shape[1] // (16 * 2)
        assert branches == (2 if merge else 1)
        parts = zip(hidden.chunk(branches, 1), pointwise.conv.weight.chunk(branches, 1))
        first = sum(F.conv2d(h, w) for h, w in parts) + pointwise.conv.bias.view(-1, 1, 1)
        # paper: relu(out_conv(.) + shortcut(x)), the shortcut a separable conv with the stride
        w_out, w_short = block.pointwise.conv.weight.split([24 * 2, 16 * 2], dim=1)
        out = F.conv2d(conv(block.spatial, first.relu()).relu(), w_out)
        short = F.conv2d(conv(block.shortcut, x).relu(), w_short)
        reference = (out + short + block.pointwise.conv.bias.view(-1, 1, 1)).relu()
    torch.testing.assert_close(block(x), reference)
    torch.testing.assert_close(live, reference)
    assert live.shape == (2, 24, 12 // stride, 20 // stride)


def test_identity_block_is_the_papers():
    torch.manual_seed(0)
    block = with_random_statistics(VarGBlock(16, group_base=8))
    x = torch.randn(1, 16, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        live = block(x)
        fold_bn(block, ["*"])
        y = conv(block.conv.pointwise, conv(block.conv.spatial, x).relu()).relu()
        y = conv(block.out_conv.pointwise, conv(block.out_conv.spatial, y).relu())
    torch.testing.assert_close(live, (y + x).relu())


def test_group_count_varies_channels_per_group_do_not():
    for channels in (8, 32, 64):
        layer = SeparableGroupConv(channels, 16, group_base=8)
        assert layer.spatial.conv.groups == channels // 8
        assert layer.spatial.conv.weight.shape == (channels * 2, 8, 3, 3)


def test_channels_that_do_not_divide_are_told():
    with pytest.raises(ValueError, match="12 channels do not divide into groups of 8"):
        grouped(12, 8)
