"""The one arithmetic unit of every network here: convolution, BN, optional skip, optional ReLU, one rounding."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_WEIGHTS = 1 << 25
"""Of one layer. The largest of published networks for images have 19 million."""
Output = Literal["quantized", "accumulator"]


class ConvBNAct(nn.Module):
    """y = quantize(relu(bn(conv(x)) + skip)): what an accelerator does between two memory accesses.

    The skip is added inside, in the accumulator, so that a residual costs no rounding of its own. Quantizers are None in
    a float network; `mtzoo.quantization.prepare` fills them in, `fold` takes `bn` away.

    dilation: distance of the kernel's taps; the padding keeps the size of the map, whatever it is. output: "quantized" (8 bit
    towards the next layer) or "accumulator" (the last convolution of a head: the sum as is).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1,
                 groups: int = 1, relu: bool = True, bn: bool = True, output: Output = "quantized") -> None:
        super().__init__()
        if min(in_channels, out_channels, kernel_size, stride, dilation, groups) < 1:
            raise ValueError(f"a convolution of {in_channels} to {out_channels} channels in {groups} groups: all have to be 1 or more")
        weights = in_channels // groups * out_channels * kernel_size ** 2
        if weights > MOST_WEIGHTS:
            raise ValueError(f"a convolution of {in_channels} to {out_channels} channels has {weights:,} weights, more than "
                             f"{MOST_WEIGHTS:,}")
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=not bn)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)
        self.bn = nn.BatchNorm2d(out_channels) if bn else None
        self.relu = relu
        self.output: Output = output
        self.weight_quant: nn.Module | None = None
        self.bias_quant: nn.Module | None = None
        self.act_quant: nn.Module | None = None

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W), skip (N, C_out, H/stride, W/stride) or None -> (N, C_out, H/stride, W/stride)."""
        return self.activate(self.accumulate(x, skip))

    def accumulate(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """The sum before ReLU and rounding; shapes as in `forward`."""
        conv = self.conv
        weight = conv.weight if self.weight_quant is None else self.weight_quant(conv.weight)
        bias = conv.bias if self.bias_quant is None or conv.bias is None else self.bias_quant(conv.bias)
        y = F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        if self.bn is not None:
            y = self.bn(y)
        return y if skip is None else y + skip

    def activate(self, y: Tensor) -> Tensor:
        """ReLU and rounding of the sum, which they overwrite."""
        if self.act_quant is not None:
            return self.act_quant(y)  # an unsigned quantizer clamps at 0, which is the ReLU
        return F.relu(y, inplace=True) if self.relu else y


@torch.no_grad()
def narrow(layer: ConvBNAct, rows: Tensor, columns: Tensor, groups: int) -> None:
    """Keep only some channels of a float layer, in place; its parameters are new objects.

    rows: indices of the outputs that stay; columns: indices of the inputs that stay, within each group; groups: how many there
    are of them now.
    """
    old, bn = layer.conv, layer.bn
    weight = old.weight[rows][:, columns].contiguous(memory_format=torch.channels_last)
    layer.conv = nn.Conv2d(len(columns) * groups, len(rows), old.kernel_size, old.stride, old.padding, old.dilation, groups,
                           bias=old.bias is not None, padding_mode=old.padding_mode, device=weight.device)
    layer.conv.weight = nn.Parameter(weight)
    if old.bias is not None:
        layer.conv.bias = nn.Parameter(old.bias[rows])
    if bn is not None:
        layer.bn = nn.BatchNorm2d(len(rows), bn.eps, bn.momentum, device=weight.device)
        state = {key: value[rows] if value.ndim else value for key, value in bn.state_dict().items()}
        layer.bn.load_state_dict(state)
    layer.train(layer.training)


def grouped(channels: int, group_base: int) -> int:
    """Number of groups of a variable-group convolution: `group_base` input channels in each."""
    if channels % group_base:
        raise ValueError(f"{channels} channels do not divide into groups of {group_base}")
    return channels // group_base


class SeparableGroupConv(nn.Module):
    """3x3 group conv in -> in * factor, BN, ReLU; 1x1 conv -> out, BN[, ReLU] (VarGNet, arXiv 1907.05653)."""

    def __init__(self, in_channels: int, out_channels: int, *, group_base: int, factor: int = 2, stride: int = 1,
                 relu: bool = True) -> None:
        super().__init__()
        hidden = in_channels * factor
        self.spatial = ConvBNAct(in_channels, hidden, 3, stride=stride, groups=grouped(in_channels, group_base))
        self.pointwise = ConvBNAct(hidden, out_channels, 1, relu=relu)

    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        """x (N, C_in, H, W) -> (N, C_out, H/stride, W/stride); `skip` is added before the last ReLU."""
        return self.pointwise(self.spatial(x), skip)
