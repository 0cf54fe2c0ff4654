"""Activations, sums and products."""

import operator as python
from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import torch
from torch import nn

from mtzoo.foreign.module import Function
from mtzoo.foreign.operators.table import operator
from mtzoo.foreign.site import Site
from mtzoo.foreign.views import View

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
SIXTH = 1e-4
"""How far the written-out 1 / 6 of a hard sigmoid may be from it."""
PLAIN: dict[str, Callable[[], nn.Module]] = {
    "Relu": nn.ReLU, "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "HardSwish": nn.Hardswish, "Softplus": nn.Softplus, "Mish": nn.Mish}


def _plain(name: str) -> None:
    @operator(name)
    def activation(site: Site) -> View:
        return _unary(site, PLAIN[name]())


for _name in PLAIN:
    _plain(_name)


@operator("LeakyRelu")
def leaky_relu(site: Site) -> View:
    return _unary(site, nn.LeakyReLU(round(site.attribute("alpha", 0.01), 7)))


@operator("Elu")
def elu(site: Site) -> View:
    return _unary(site, nn.ELU(site.attribute("alpha", 1.0)))


@operator("Gelu")
def gelu(site: Site) -> View:
    return _unary(site, nn.GELU(site.attribute("approximate", b"none").decode()))


@operator("HardSigmoid")
def hard_sigmoid(site: Site) -> View:
    alpha, beta = site.attribute("alpha", 0.2), site.attribute("beta", 0.5)
    if abs(alpha * 6 - 1) > SIXTH or beta != 0.5:
        raise site.fault(f"has alpha={alpha:g}, beta={beta:g}: expected 1/6 and 1/2")
    return _unary(site, nn.Hardsigmoid())


@operator("Clip")
def clip(site: Site) -> View:
    ends = [site.optional(i) if len(site.node.input) > 1 else site.attribute(name) for i, name in ((1, "min"), (2, "max"))]
    low, high = (None if end is None or np.isinf(end) or abs(float(end)) > 3e38 else float(end) for end in ends)
    if low is None and high is None:
        return site.view(0)
    if low == 0 and high in (None, 6):
        return _unary(site, nn.ReLU() if high is None else nn.ReLU6())
    raise site.fault(f"to {low} ... {high}: only to 0 ... 6 or 0 and more")


@operator("PRelu")
def prelu(site: Site) -> View:
    view, slope = site.view(0), site.weights(1)
    source = site.plane(0)
    if slope.size not in (1, source.channels) or slope.size > 1 and slope.shape[:1] != (slope.size,):
        raise site.fault(f"has slopes {slope.shape}: expected one for each of {source.channels} channels, or one")
    made = nn.PReLU(source.channels)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(np.array(np.broadcast_to(slope.ravel(), (source.channels,)))))
    return _shaped(site.add(made, source), view)


def _unary(site: Site, module: nn.Module) -> View:
    """An elementwise function does not mind in which order the values stand."""
    view = site.view(0)
    return view.of(site.add(module, view.source).source)


@operator("Add", "Sub", "Mul", "Div", "Sum")
def arithmetic(site: Site) -> View:
    kind, values = site.node.op_type, [site.value(i) for i in range(len(site.node.input))]
    if kind == "Sum":
        kind = "Add"
    result = values[0]
    for value in values[1:]:
        result = _two(site, kind, result, value)
    return result


def _two(site: Site, kind: str, a: View | np.ndarray, b: View | np.ndarray) -> View:
    if isinstance(a, View) and isinstance(b, View):
        return _two_maps(site, kind, a, b)
    view, value, first = (a, b, True) if isinstance(a, View) else (b, a, False)
    value = np.asarray(value, np.float32)
    if kind == "Div" and not first:
        raise site.fault("divides by a map; multiply by a gate instead")
    if kind == "Div":
        kind, value = "Mul", np.float32(1) / value
    if kind == "Sub":
        scale, offset = (np.float32(1), -value) if first else (np.float32(-1), value)
    else:
        scale, offset = (value, np.float32(0)) if kind == "Mul" else (np.float32(1), value)
    return _affine(site, view, np.asarray(scale), np.asarray(offset))


def _affine(site: Site, view: View, scale: np.ndarray, offset: np.ndarray) -> View:
    """view * scale + offset. One number for all stays a number, several are those of channels."""
    if scale.size == offset.size == 1:
        factor, term = float(scale.ravel()[0]), float(offset.ravel()[0])
        if not site.reader.may_take_affine(view.source):
            return view.of(site.add(Function(partial(_scaled, factor, term)), view.source).source)
        scale = offset = None
        channels = view.source.channels
        return view.of(site.reader.add_affine(site, view.source, np.full(channels, factor), np.full(channels, term)))
    source = site.plane_of(view)
    by_channel = [_by_channel(site, view, value, source.channels) for value in (scale, offset)]
    return _shaped(site.reader.view(site.reader.add_affine(site, source, *by_channel)), view)


def _scaled(factor: float, term: float, x: torch.Tensor) -> torch.Tensor:
    if term == 0:
        return x * factor
    return x + term if factor == 1 else x * factor + term


def _by_channel(site: Site, view: View, value: np.ndarray, channels: int) -> np.ndarray:
    if value.ndim > len(view.shape):
        raise site.fault(f"of a tensor {view.shape} with constants {value.shape}: expected one value for each channel, or one")
    shape = (1,) * (len(view.shape) - value.ndim) + value.shape
    if any(size not in (1, have if axis == 1 else 1) for axis, (size, have) in enumerate(zip(shape, view.shape))):
        raise site.fault(f"of a tensor {view.shape} with constants {value.shape}: expected one value for each channel, or one")
    return np.broadcast_to(value.reshape(-1), (channels,))


def _two_maps(site: Site, kind: str, a: View, b: View) -> View:
    if kind == "Div":
        raise site.fault("divides by a map; multiply by a gate instead")
    function = {"Add": python.add, "Sub": python.sub, "Mul": python.mul}[kind]
    maps = [site.plane_of(view) for view in (a, b)]
    return _shaped(site.add(Function(function), *maps), a if len(a.shape) >= len(b.shape) else b)


def _shaped(result: View, like: View) -> View:
    """As a vector where that is what the operator read."""
    if len(like.shape) != 2:
        return result
    return result.moved(lambda order: order.reshape(order.shape[:2]))


@operator("Identity", "Dropout")
def identity(site: Site) -> View:
    return site.view(0)


@operator("Cast")
def cast(site: Site) -> View:
    to = site.number("to", onnx.TensorProto.FLOAT)
    if to not in FLOATS:
        raise site.fault(f"to {onnx.TensorProto.DataType.Name(to)}: a map is of floats; leave it out")
    return site.view(0)


@operator("Erf")
def erf(site: Site) -> View:
    raise site.fault("is part of a GELU that is written out; use its tanh form or another activation")


