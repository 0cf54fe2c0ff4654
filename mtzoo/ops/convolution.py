"""torch's convolution, but for the one case that CPUs are slow at."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d) -> Tensor:
    """`F.conv2d` with stride, padding, dilation and groups of `conv`: (N, C_in, H, W) -> (N, C_out, H', W').

    In bf16 autocast on a CPU, strided depthwise convolutions run in fp32: oneDNN has no bf16 kernel for the gradient of their input.
    With 8 x 96 x 128 x 192 values it took 155 ms in bf16 and 25 in fp32 (two cores with AMX, torch 2.13).
    """
    if strided_depthwise(conv) and x.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            y = F.conv2d(x.float(), weight.float(), None if bias is None else bias.float(), conv.stride, conv.padding, conv.dilation,
                         conv.groups)
        return y.to(torch.get_autocast_dtype("cpu"))
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def strided_depthwise(conv: nn.Conv2d) -> bool:
    return conv.groups > 1 and conv.groups == conv.in_channels and max(conv.stride) > 1
