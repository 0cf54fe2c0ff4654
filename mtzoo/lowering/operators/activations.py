"""Elementwise functions: ReLU and ReLU6 belong to the leaf before them, all others are tables of 256 entries."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.lowering.operators.table import elementwise, operator
from mtzoo.lowering.published import Origin
from mtzoo.lowering.read import Result, Site, Weights
from mtzoo.lowering.steps import Activation, Conv

BY_NAME = {
    "relu": (nn.ReLU, F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"),
    "relu6": (nn.ReLU6, F.relu6),
    "sigmoid": (nn.Sigmoid, F.sigmoid, torch.sigmoid, torch.sigmoid_, "sigmoid", "sigmoid_"),
    "silu": (nn.SiLU, F.silu),
    "hardswish": (nn.Hardswish, F.hardswish),
    "hardsigmoid": (nn.Hardsigmoid, F.hardsigmoid),
    "tanh": (nn.Tanh, F.tanh, torch.tanh, torch.tanh_, "tanh", "tanh_"),
    "mish": (nn.Mish, F.mish),
}


def _by_name(name: str) -> None:
    @elementwise(*BY_NAME[name])
    def activation(site: Site, input: Any, inplace: bool = False) -> Result:
        return site.emit(Activation(name), input)


for _name in BY_NAME:
    _by_name(_name)


@elementwise(nn.GELU, F.gelu)
def gelu(site: Site, input: Any, approximate: str = "none") -> Result:
    approximate = getattr(site.module, "approximate", approximate)
    return site.emit(Activation("gelu" if approximate == "none" else "gelu_tanh"), input)


@elementwise(nn.LeakyReLU, F.leaky_relu, F.leaky_relu_)
def leaky_relu(site: Site, input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Result:
    slope = getattr(site.module, "negative_slope", negative_slope)
    name = {0.0: "relu", 0.01: "leaky_relu"}.get(slope, f"leaky_relu_{slope:g}")
    return site.emit(Activation(name), input)


@operator(nn.PReLU)
def prelu_module(site: Site, input: Any) -> Result:
    slope = Weights(Origin((f"{site.path}.weight" if site.path else "weight",)), tuple(site.module.weight.shape))
    return prelu(site, input, slope)


@operator(F.prelu, torch.prelu)
def prelu(site: Site, input: Any, weight: Weights) -> Result:
    """x + (1 - slope) * relu(-x), slopes learnt: two depthwise 1x1 convolutions, the second with x as its skip (arXiv 1502.01852)."""
    source = site.plane(input)
    channels = source.shape[1]
    one = (1, 1)
    negative = Conv(channels, channels, one, -torch.ones(channels, 1, 1, 1), torch.zeros(channels), groups=channels, activation="relu")
    part = site.emit(negative, source, name=f"{site.path or 'prelu'}_negative", shape=source.shape)
    rest = weight.origin.then(lambda slope: (1 - slope).reshape(-1, 1, 1, 1).expand(channels, 1, 1, 1))
    return site.emit(Conv(channels, channels, one, rest, torch.zeros(channels), groups=channels), part, source,
                     name=site.path or "prelu")


@elementwise(nn.ELU, F.elu)
def elu(site: Site, input: Any, alpha: float = 1.0, inplace: bool = False) -> Result:
    if getattr(site.module, "alpha", alpha) != 1.0:
        raise site.fault("has an alpha that is not 1; use 1")
    return site.emit(Activation("elu"), input)


@elementwise(nn.Softplus, F.softplus)
def softplus(site: Site, input: Any, beta: float = 1.0, threshold: float = 20.0) -> Result:
    if getattr(site.module, "beta", beta) != 1.0:
        raise site.fault("has a beta that is not 1; use 1")
    return site.emit(Activation("softplus"), input)


@elementwise(nn.Hardtanh, F.hardtanh, F.hardtanh_)
def hardtanh(site: Site, input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Result:
    if site.module is not None:
        min_val, max_val = site.module.min_val, site.module.max_val
    return clamp(site, input, min_val, max_val)


@elementwise(torch.clamp, torch.clip, torch.clamp_, "clamp", "clamp_", "clip", "clamp_min", "clamp_min_")
def clamp(site: Site, input: Any, min: float | None = None, max: float | None = None) -> Result:
    if min != 0 or max not in (None, 6):
        raise site.fault(f"to {min} ... {max}: only to 0 ... 6 or 0 and more; use ReLU6 or ReLU")
    return site.emit(Activation("relu6" if max == 6 else "relu"), input)
