"""Pools and means."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import BinMean, ChannelMax, ChannelMean, GlobalMean
from mtzoo.lowering.operators.convolutions import added
from mtzoo.lowering.operators.table import by_image, operator, pair
from mtzoo.lowering.read import Flat, Padded, Result, Site
from mtzoo.lowering.steps import NO_PADDING, Conv, Padding, Pool, Simple
from mtzoo.lowering.trace import Extent

LOWEST = float("-inf")


@operator(nn.MaxPool2d)
def max_pool_module(site: Site, input: Any) -> Result:
    pool: nn.MaxPool2d = site.module
    return max_pool2d(site, input, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode, pool.return_indices)


@operator(F.max_pool2d, torch.max_pool2d)
def max_pool2d(site: Site, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Result:
    if return_indices:
        raise site.fault("returns indices; use one without")
    if isinstance(input, Padded) and input.value == 0:
        rectified = site.reader.is_rectified(input.base.name)  # zeros never win over what is not below 0
        input = Padded(input.base, input.padding, LOWEST) if rectified else _with_zeros(site, input)
    source, around = _padded(site, input, LOWEST)
    pool = Pool("max", pair(kernel_size), pair(stride or kernel_size), added(around, _around(padding)), pair(dilation),
                {"ceil_mode": ceil_mode})
    return site.emit(pool, source)


@operator(nn.AvgPool2d)
def avg_pool_module(site: Site, input: Any) -> Result:
    pool: nn.AvgPool2d = site.module
    return avg_pool2d(site, input, pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, pool.count_include_pad,
                      pool.divisor_override)


@operator(F.avg_pool2d)
def avg_pool2d(site: Site, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Result:
    if divisor_override is not None:
        raise site.fault("has a divisor of its own; use the number of its cells")
    source, around = _padded(site, input, 0.0)
    own = _around(padding)
    if around != NO_PADDING and own != NO_PADDING and not count_include_pad:
        raise site.fault("pads in two ways; use count_include_pad=True")
    options = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad or around != NO_PADDING}
    if source.shape[2:] == pair(kernel_size) and added(around, own) == NO_PADDING:
        return site.emit(Simple(GlobalMean), source)
    if any(isinstance(side, Extent) for side in (kernel_size if isinstance(kernel_size, list | tuple) else [kernel_size])):
        raise site.fault("has a window as large as its map along one side; use AdaptiveAvgPool2d((1, None)) or ((None, 1))")
    return site.emit(Pool("mean", pair(kernel_size), pair(stride or kernel_size), added(around, own), options=options), source)


@operator(nn.AdaptiveAvgPool2d)
def adaptive_module(site: Site, input: Any) -> Any:
    return adaptive_avg_pool2d(site, input, site.module.output_size)


@by_image(F.adaptive_avg_pool2d)
def adaptive_avg_pool2d(site: Site, input: Any, output_size: Any) -> Any:
    source = site.plane(input)
    bins = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size, output_size)
    if site.shape[2:] == source.shape[2:]:
        return source
    return site.emit(Simple(GlobalMean if bins == (1, 1) else lambda: BinMean(bins)), source)


@by_image(torch.mean, "mean")
def mean(site: Site, input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    if isinstance(input, Flat) and _dims(dim, 3) == (2,):
        return site.emit(Simple(GlobalMean), input.base, shape=(*site.shape, 1)[:4] if keepdim else site.shape)
    source = site.plane(input)
    dims = _dims(dim, 4)
    if dims == (2, 3):
        return source if source.shape[2:] == (1, 1) and keepdim else site.emit(Simple(GlobalMean), source)
    if dims == (1,) and keepdim:
        return site.emit(Simple(ChannelMean), source)
    raise site.fault(f"over dimensions {dim}: expected height and width, or channels with keepdim")


@operator(torch.max, torch.amax, "max", "amax")
def maximum(site: Site, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    source = site.plane(input)
    if isinstance(dim, Result):
        raise site.fault("of two maps has no exact integer form here; use their sum, or a gate")
    if dim is None or _dims(dim, 4) != (1,) or not keepdim:
        raise site.fault(f"over dimensions {dim}: expected channels, with keepdim; use MaxPool2d over height and width")
    gives_indices = not isinstance(site.node.meta["value"], torch.Tensor)
    result = site.emit(Simple(ChannelMax), source, shape=(source.shape[0], 1, *source.shape[2:]))
    return (result, None) if gives_indices else result


def _padded(site: Site, value: Any, wanted: float) -> tuple[Result, Padding]:
    if not isinstance(value, Padded):
        return site.plane(value), NO_PADDING
    if value.value != wanted:
        raise site.fault(f"reads a map padded with {value.value}; pad with {wanted}")
    return site.plane(value.base), value.padding


def _with_zeros(site: Site, padded: Padded) -> Result:
    """The map with its zeros: a 1x1 depthwise convolution of ones, which pads."""
    (n, channels, height, width), (top, left, bottom, right) = padded.base.shape, padded.padding
    conv = Conv(channels, channels, (1, 1), torch.ones(channels, 1, 1, 1), groups=channels, padding=padded.padding)
    return site.emit(conv, padded.base, shape=(n, channels, height + top + bottom, width + left + right))


def _around(padding: Any) -> Padding:
    h, w = pair(padding)
    return h, w, h, w


def _dims(dim: Any, count: int) -> tuple[int, ...]:
    dims: Sequence[int] = dim if isinstance(dim, list | tuple) else (range(count) if dim is None else (dim,))
    return tuple(sorted(d % count for d in dims))
