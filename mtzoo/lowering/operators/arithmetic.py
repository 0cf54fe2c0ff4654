"""Sums, products and constants."""

import math
import operator as python
from typing import Any

import torch

from mtzoo.lowering.operators.table import elementwise
from mtzoo.lowering.read import Expanded, Result, Site, Weights
from mtzoo.lowering.steps import Add, Affine, Conv, Multiply


@elementwise(python.add, python.iadd, torch.add, "add", "add_")
def add(site: Site, input: Any, other: Any, *, alpha: float = 1) -> Any:
    if _is_number(input):
        input, other = other, input
    if _is_number(other):
        return _affine(site, input, offset=alpha * other)
    if alpha != 1:
        raise site.fault("has an alpha; multiply first")
    if isinstance(input, Weights) or isinstance(other, Weights):
        return _by_channel(site, *_map_and_weights(input, other), is_sum=True)
    return site.emit(Add(), *_maps(site, input, other))


@elementwise(python.sub, python.isub, torch.sub, "sub", "sub_")
def subtract(site: Site, input: Any, other: Any, *, alpha: float = 1) -> Any:
    if _is_number(other):
        return _affine(site, input, offset=-alpha * other)
    if alpha != 1 or isinstance(input, Weights):
        raise site.fault("from weights, or with an alpha; write it as a sum")
    if isinstance(other, Weights):
        return _by_channel(site, input, other.then(torch.neg), is_sum=True)
    if _is_number(input):
        return _affine(site, other, -1.0, input)
    input, other = _maps(site, input, other)
    return site.emit(Add(), input, site.emit(Affine(-1.0), other, shape=other.shape))


@elementwise(torch.rsub)
def subtract_from(site: Site, input: Any, other: Any, *, alpha: float = 1) -> Any:
    return subtract(site, other, input, alpha=alpha)


@elementwise(python.neg, torch.neg, "neg")
def negative(site: Site, input: Any) -> Any:
    return _affine(site, input, -1.0)


@elementwise(python.mul, python.imul, torch.mul, torch.multiply, "mul", "mul_")
def multiply(site: Site, input: Any, other: Any) -> Any:
    if _is_number(input):
        input, other = other, input
    if _is_number(other):
        return _affine(site, input, other)
    if isinstance(input, Weights) or isinstance(other, Weights):
        return _by_channel(site, *_map_and_weights(input, other), is_sum=False)
    x, gate = sorted(_maps(site, input, other), key=lambda read: -math.prod(read.shape))  # the gate may stand first
    return site.emit(Multiply(), x, gate)


@elementwise(python.truediv, python.itruediv, torch.div, "div", "div_")
def divide(site: Site, input: Any, other: Any) -> Any:
    if isinstance(other, Weights) and not isinstance(input, Weights | int | float):
        return _by_channel(site, input, other.then(torch.reciprocal), is_sum=False)
    if not _is_number(other):
        raise site.fault("by a map has no exact integer form; multiply by a gate instead")
    return _affine(site, input, 1 / other)


def _affine(site: Site, value: Any, factor: float = 1.0, offset: float = 0.0) -> Any:
    if (factor, offset) == (1.0, 0.0):
        return value
    return site.emit(Affine(float(factor), float(offset)), value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _maps(site: Site, *values: Any) -> list[Result]:
    """What a sum or product reads. Expanded maps broadcast, if the other one has the shape of the result."""
    broadcasts = any(isinstance(value, Result) and value.shape == site.shape for value in values)
    return [site.result(value.base if broadcasts and isinstance(value, Expanded) else value) for value in values]


def _map_and_weights(a: Any, b: Any) -> tuple[Any, Weights]:
    return (b, a) if isinstance(a, Weights) else (a, b)


def _by_channel(site: Site, value: Any, weights: Weights, *, is_sum: bool) -> Result:
    """One learnt factor, or term, for each channel: a 1x1 depthwise convolution."""
    source = site.result(value)
    channels = source.shape[1]
    size = int(torch.Size(weights.shape).numel())
    shape = (1,) * (len(source.shape) - len(weights.shape)) + weights.shape  # as broadcasting sees it
    by_channel = len(shape) == len(source.shape) and shape[1] == size == channels
    if size != 1 and not by_channel:
        raise site.fault(f"of a map {source.shape} with weights {weights.shape}: expected one value for each channel, or one")
    one = torch.ones(channels, 1, 1, 1)
    learnt = weights.origin.then(lambda w: w.reshape(-1).expand(channels))
    factor = one if is_sum else learnt.then(lambda w: w.reshape(channels, 1, 1, 1))
    return site.emit(Conv(channels, channels, (1, 1), factor, learnt if is_sum else None, groups=channels), source)
