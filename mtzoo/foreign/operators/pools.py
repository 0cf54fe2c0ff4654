"""Pools and means."""

from functools import partial

import numpy as np
import torch
from torch import nn

from mtzoo.foreign.module import Function
from mtzoo.foreign.operators.convolutions import as_vector, pads
from mtzoo.foreign.operators.table import operator
from mtzoo.foreign.site import Site
from mtzoo.foreign.views import View

LOWEST = float("-inf")


@operator("MaxPool")
def max_pool(site: Site) -> View:
    if len(site.node.output) > 1 and site.node.output[1]:
        raise site.fault("returns indices; use one without")
    source, kernel = site.plane(0), site.pair("kernel_shape")
    stride, dilation = site.pair("strides"), site.pair("dilations")
    top, left, bottom, right = pads(site, source.shape[2:], kernel, stride, dilation)
    alike = (top, left) == (bottom, right)
    made = nn.MaxPool2d(kernel, stride, (top, left) if alike else 0, dilation, ceil_mode=bool(site.number("ceil_mode", 0)))
    return site.add(made if alike else nn.Sequential(nn.ConstantPad2d((left, right, top, bottom), LOWEST), made), source)


@operator("AveragePool")
def average_pool(site: Site) -> View:
    source, kernel, stride = site.plane(0), site.pair("kernel_shape"), site.pair("strides")
    if site.pair("dilations") != (1, 1):
        raise site.fault("has a dilation; use one without")
    top, left, bottom, right = pads(site, source.shape[2:], kernel, stride, (1, 1))
    alike, counts = (top, left) == (bottom, right), bool(site.number("count_include_pad", 0))
    if not alike and not counts:
        raise site.fault("has unequal pads that do not count; use count_include_pad")
    made = nn.AvgPool2d(kernel, stride, (top, left) if alike else 0, bool(site.number("ceil_mode", 0)), counts)
    return site.add(made if alike else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), made), source)


@operator("GlobalAveragePool")
def global_average_pool(site: Site) -> View:
    return site.add(nn.AdaptiveAvgPool2d(1), site.plane(0))


@operator("GlobalMaxPool")
def global_max_pool(site: Site) -> View:
    source = site.plane(0)
    return site.add(nn.MaxPool2d(source.shape[2:]), source)


@operator("ReduceMean", "ReduceMax")
def reduced(site: Site) -> View:
    view, kind = site.view(0), site.node.op_type
    axes = site.attribute("axes") if site.attribute("axes") is not None else site.optional(1)
    dims = tuple(sorted(int(a) % len(view.shape) for a in np.ravel(axes))) if axes is not None else tuple(range(len(view.shape)))
    keeps = bool(site.number("keepdims", 1))
    if kind == "ReduceMean" and dims == tuple(range(2, len(view.shape))) and _shows_cells(view):
        result = site.add(nn.AdaptiveAvgPool2d(1), view.source)
        if keeps and len(view.shape) == 4:
            return result
        return as_vector(result.source).moved(lambda order: order[..., None]) if keeps else as_vector(result.source)
    if dims == (1,) and keeps and len(view.shape) == 4:
        function = partial(torch.mean, dim=1, keepdim=True) if kind == "ReduceMean" else partial(torch.amax, dim=1, keepdim=True)
        return site.add(Function(function), site.plane(0))
    raise site.fault(f"over dimensions {dims} of {view.shape}: expected height and width, or channels with keepdims")


def _shows_cells(view: View) -> bool:
    """Whether it is the map, height and width perhaps as one dimension."""
    if len(view.shape) not in (3, 4) or view.shape[1] != view.source.channels:
        return False
    return view.order is None or np.array_equal(view.order.ravel(), np.arange(view.source.channels * view.source.cells))


