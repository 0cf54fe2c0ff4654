"""Convolutions, matrices and batch normalisation."""

import numpy as np
import torch
from torch import nn

from mtzoo.foreign.operators.table import operator
from mtzoo.foreign.site import Site
from mtzoo.foreign.views import Map, View

Sides = tuple[int, int, int, int]
"""(top, left, bottom, right)."""


@operator("Conv")
def conv(site: Site) -> View:
    source, weight = site.plane(0), site.weights(1)
    if weight.ndim != 4:
        raise site.fault(f"has weights of shape {weight.shape}: expected a convolution over height and width")
    stride, dilation = site.pair("strides"), site.pair("dilations")
    top, left, bottom, right = pads(site, source.shape[2:], weight.shape[2:], stride, dilation)
    alike = (top, left) == (bottom, right)
    groups = site.number("group", 1)
    if weight.shape[1] * groups != source.channels:
        raise site.fault(f"has weights of shape {weight.shape} in {groups} groups for {source.channels} channels")
    made = nn.Conv2d(source.channels, weight.shape[0], weight.shape[2:], stride, (top, left) if alike else 0, dilation, groups)
    _fill(made, weight, site.optional(2))
    return site.add(made if alike else nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), made), source)


@operator("ConvTranspose")
def conv_transpose(site: Site) -> View:
    source, weight = site.plane(0), site.weights(1)
    top, left, bottom, right = site.numbers("pads", (0, 0, 0, 0))
    more = site.numbers("output_padding", (0, 0))
    if weight.ndim != 4 or site.attribute("output_shape") is not None or site.attribute("auto_pad", b"NOTSET") != b"NOTSET":
        raise site.fault("has an output_shape, auto_pad or no two dimensions; use pads over height and width")
    more = (more[0] + top - bottom, more[1] + left - right)  # fewer cells cut off behind are further cells there
    if min(more) < 0:
        raise site.fault("cuts off more behind than before; use equal pads")
    groups = site.number("group", 1)
    made = nn.ConvTranspose2d(source.channels, weight.shape[1] * groups, weight.shape[2:], site.pair("strides"), (top, left), more,
                              groups, dilation=site.pair("dilations"))
    _fill(made, weight, site.optional(2))
    return site.add(made, source)


@operator("Gemm")
def gemm(site: Site) -> View:
    if site.number("transA", 0):
        raise site.fault("reads a transposed map; only its weights may be transposed")
    weight = site.weights(1) * np.float32(site.attribute("alpha", 1.0))
    weight = weight if site.number("transB", 0) else weight.T
    bias = site.optional(2)
    if bias is not None:
        bias = np.broadcast_to(bias * np.float32(site.attribute("beta", 1.0)), (1, len(weight)))[0]
    return _matrix(site, weight, bias)


@operator("MatMul")
def matmul(site: Site) -> View:
    return _matrix(site, site.weights(1).T, None)


def _matrix(site: Site, weight: np.ndarray, bias: np.ndarray | None) -> View:
    """Weights (O, I) of a vector (1, I) whose values are those of a map, in any order: a convolution as large as the map."""
    view = site.view(0)
    if len(view.shape) != 2 or view.shape[0] != 1 or weight.ndim != 2 or view.shape[1] != weight.shape[1]:
        raise site.fault(f"multiplies a tensor {view.shape} with weights {weight.shape}: expected a vector (1, C) and weights (O, C)")
    source = view.source
    whole = np.zeros((len(weight), source.channels * source.cells), np.float32)
    np.add.at(whole, (slice(None), view.places()[0]), weight)
    made = nn.Conv2d(source.channels, len(weight), source.shape[2:])
    _fill(made, whole.reshape(len(weight), *source.shape[1:]), bias)
    return as_vector(site.add(made, source).source)


def as_vector(source: Map) -> View:
    """A map of one cell as (1, C)."""
    return View(source, source.shape[:2], np.arange(source.channels, dtype=np.int32)[None])


@operator("BatchNormalization")
def batch_norm(site: Site) -> View:
    if site.number("training_mode", 0):
        raise site.fault("normalises with the image's own statistics; export the network in evaluation mode")
    view = site.view(0)
    source = site.plane(0)
    scale, shift, mean, variance = (site.weights(i) for i in range(1, 5))
    if any(value.shape != (source.channels,) for value in (scale, shift, mean, variance)):
        raise site.fault(f"has not one value for each of {source.channels} channels")
    made = nn.BatchNorm2d(source.channels, eps=site.attribute("epsilon", 1e-5))
    with torch.no_grad():
        for own, value in ((made.weight, scale), (made.bias, shift), (made.running_mean, mean), (made.running_var, variance)):
            own.copy_(torch.from_numpy(value.copy()))
    result = site.add(made, source)
    return as_vector(result.source) if len(view.shape) == 2 else result


def pads(site: Site, hw: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]) -> Sides:
    """Zeros around the map."""
    auto = site.attribute("auto_pad", b"NOTSET").decode()
    if auto in ("NOTSET", ""):
        top, left, bottom, right = site.numbers("pads", (0, 0, 0, 0))
        return top, left, bottom, right
    if auto == "VALID":
        return 0, 0, 0, 0
    total = [max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0) for size, k, s, d in zip(hw, kernel, stride, dilation)]
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    before, behind = (less, more) if auto == "SAME_UPPER" else (more, less)
    return before[0], before[1], behind[0], behind[1]


@torch.no_grad()
def _fill(module: nn.Module, weight: np.ndarray, bias: np.ndarray | None) -> None:
    module.weight.copy_(torch.from_numpy(np.array(weight, np.float32)))
    if bias is None:
        module.bias = None
    else:
        module.bias.copy_(torch.from_numpy(np.array(bias, np.float32)))
