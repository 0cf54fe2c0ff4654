"""Convolutions, linear layers and batch normalisation."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import ZeroInsert
from mtzoo.lowering.operators.table import operator, pair
from mtzoo.lowering.published import Origin, as_convolution, as_forward_convolution
from mtzoo.lowering.read import Padded, Result, Site, Weights
from mtzoo.lowering.steps import NO_PADDING, Conv, Norm, Padding, Simple


@operator(nn.Conv2d)
def conv_module(site: Site, input: Any) -> Result:
    conv: nn.Conv2d = site.module
    if conv.padding_mode != "zeros":
        raise site.fault(f"pads with {conv.padding_mode}; use padding_mode='zeros'")
    weights = _parameters(site.path, conv, "weight", "bias")
    return conv2d(site, input, *weights, conv.stride, conv.padding, conv.dilation, conv.groups)


@operator(F.conv2d, torch.conv2d)
def conv2d(site: Site, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Result:
    """Also of modules that compute their weights, or the padding, in their forward."""
    source, around = unpadded(site, input)
    if not isinstance(weight, Weights):
        raise site.fault("has weights that are computed from the image; use constant ones")
    channels, _, *kernel = weight.shape
    conv = Conv(source.shape[1], channels, pair(kernel), weight.origin, None if bias is None else bias.origin, pair(stride),
                added(around, _padding(site, padding, pair(kernel), pair(dilation))), pair(dilation), groups)
    return site.emit(conv, source, name=site.path or _owner(weight))


@operator(nn.ConvTranspose2d)
def transposed(site: Site, input: Any, output_size: Any = None) -> Result:
    """Zeros between the cells, then a convolution with the turned weights (arXiv 1603.07285, section 4)."""
    conv: nn.ConvTranspose2d = site.module
    source = site.plane(input)
    spread = source
    n, c, h, w = source.shape
    if conv.stride != (1, 1):
        if conv.stride[0] != conv.stride[1]:
            raise site.fault("has two different strides; use equal ones")
        stride = conv.stride[0]
        spread = site.emit(Simple(lambda: ZeroInsert(stride)), source, name=f"{site.path}_zeros",
                           shape=(n, c, (h - 1) * stride + 1, (w - 1) * stride + 1))
    reach = [d * (k - 1) for d, k in zip(conv.dilation, conv.kernel_size, strict=True)]
    around = [r - p for r, p in zip(reach, conv.padding, strict=True)]
    behind = [out - have + r - a for out, have, r, a in zip(site.shape[2:], spread.shape[2:], reach, around, strict=True)]
    if min(*around, *behind) < 0:
        raise site.fault("cuts off more than its kernel reaches; use a smaller padding")
    weight, bias = _parameters(site.path, conv, "weight", "bias")
    operation = Conv(conv.in_channels, conv.out_channels, conv.kernel_size,
                     weight.origin.then(as_forward_convolution(conv.groups)), None if bias is None else bias.origin,
                     (1, 1), (around[0], around[1], behind[0], behind[1]), conv.dilation, conv.groups)
    return site.emit(operation, spread)


@operator(nn.Linear)
def linear_module(site: Site, input: Any) -> Result:
    return linear(site, input, *_parameters(site.path, site.module, "weight", "bias"))


@operator(F.linear)
def linear(site: Site, input: Any, weight: Weights, bias: Weights | None = None) -> Result:
    """Of a vector (N, C), which is a map of one cell."""
    source = site.result(input)
    if len(source.shape) != 2:
        raise site.fault(f"reads a tensor of shape {source.shape}: expected vectors (N, C); use a 1x1 Conv2d on maps")
    conv = Conv(weight.shape[1], weight.shape[0], (1, 1), weight.origin.then(as_convolution), None if bias is None else bias.origin)
    return site.emit(conv, source, name=site.path or _owner(weight))


@operator(nn.BatchNorm2d, nn.SyncBatchNorm, nn.BatchNorm1d)
def norm_module(site: Site, input: Any) -> Result:
    norm: nn.BatchNorm2d = site.module
    mean, variance, scale, shift = _parameters(site.path, norm, "running_mean", "running_var", "weight", "bias")
    return batch_norm(site, input, mean, variance, scale, shift, False, norm.momentum, norm.eps)


@operator(F.batch_norm)
def batch_norm(site: Site, input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float | None = 0.1, eps: float = 1e-5) -> Result:
    if running_mean is None or training:
        raise site.fault("normalises with the image's own statistics; use BatchNorm2d with running ones")
    source = site.result(input)
    mean, variance, scale, shift = (None if w is None else w.origin for w in (running_mean, running_var, weight, bias))
    norm = Norm(source.shape[1], mean, variance, scale, shift, eps, momentum)
    return site.emit(norm, source, name=site.path or _owner(running_mean))


def unpadded(site: Site, value: Any) -> tuple[Result, Padding]:
    """The map below a padding with zeros, and the padding."""
    if not isinstance(value, Padded):
        return site.plane(value), NO_PADDING
    if value.value != 0:
        raise site.fault(f"reads a map padded with {value.value}; pad with zeros")
    return site.plane(value.base), value.padding


def added(a: Padding, b: Padding) -> Padding:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _padding(site: Site, padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]) -> Padding:
    if padding == "valid":
        return NO_PADDING
    if padding == "same":  # at stride 1; PyTorch puts the odd cell behind
        h, w = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
        return h // 2, w // 2, h - h // 2, w - w // 2
    h, w = pair(padding)
    return h, w, h, w


def _parameters(path: str, module: nn.Module, *names: str) -> list[Weights | None]:
    found = []
    for name in names:
        value = getattr(module, name)
        found.append(None if value is None else Weights(Origin((f"{path}.{name}" if path else name,)), tuple(value.shape)))
    return found


def _owner(weight: Weights) -> str:
    return weight.origin.name.rpartition(".")[0] or weight.origin.name
