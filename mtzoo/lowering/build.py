"""From steps to leaves of mtzoo.layers."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.layers import AvgPool, ConvBNAct, MaxPool, Mix, Product, Rescale, Sum, Table
from mtzoo.lowering.fuse import IN_A_LEAF, as_conv
from mtzoo.lowering.published import Origin
from mtzoo.lowering.steps import Activation, Add, Affine, Blend, Conv, Kept, Multiply, Norm, Pool, Simple, Step

Origins = dict[str, Origin]
"""Name of a tensor in the leaf -> where its values come from."""


def make_leaf(step: Step, module: nn.Module) -> tuple[nn.Module, Origins]:
    """The leaf of one step, with values as they are when new. module: what is lowered, from which leaves of its own move over.

    Raises UserError naming the module where the leaf refuses what it is given.
    """
    try:
        return MAKERS[type(step.operation)](step, module)
    except ValueError as error:
        raise UserError(f"{step.place}: {error}") from error


def _conv(step: Step, _: nn.Module) -> tuple[nn.Module, Origins]:
    return conv_leaf(step.operation)


def conv_leaf(conv: Conv) -> tuple[nn.Module, Origins]:
    """ConvBNAct. A constant weight or bias is not learnt."""
    constant = conv.weight if isinstance(conv.weight, Tensor) else None
    leaf = ConvBNAct(conv.in_channels, conv.out_channels, conv.kernel, stride=conv.stride, padding=conv.padding, dilation=conv.dilation,
                     groups=conv.groups, activation=conv.activation, bn=conv.norm is not None, output=conv.output, weight=constant)
    origins: Origins = {}
    if isinstance(conv.weight, Origin):
        origins["conv.weight"] = conv.weight
    if isinstance(conv.bias, Origin):
        origins["conv.bias"] = conv.bias
    if isinstance(conv.bias, Tensor):
        leaf.conv.bias.data.copy_(conv.bias)
        leaf.conv.bias.requires_grad_(False)
    if conv.norm is not None:
        origins |= _set_norm(leaf.bn, conv.norm)
    return leaf, origins


def _set_norm(bn: nn.BatchNorm2d, norm: Norm) -> Origins:
    bn.eps, bn.momentum = norm.eps, norm.momentum
    for own, origin in ((bn.weight, norm.scale), (bn.bias, norm.shift)):
        own.requires_grad_(origin is not None)  # a BN without learnt scale and shift keeps 1 and 0
    found = {"bn.running_mean": norm.mean, "bn.running_var": norm.variance, "bn.weight": norm.scale, "bn.bias": norm.shift}
    return {name: origin for name, origin in found.items() if origin is not None}


def _norm(step: Step, _: nn.Module) -> tuple[nn.Module, Origins]:
    return conv_leaf(as_conv(step.operation))


def _affine(step: Step, _: nn.Module) -> tuple[nn.Module, Origins]:
    """x * factor + offset: a 1x1 depthwise convolution whose values are constants."""
    channels, affine = step.shape[1], step.operation
    weight = torch.full((channels, 1, 1, 1), affine.factor)
    return conv_leaf(Conv(channels, channels, (1, 1), weight, torch.full((channels,), affine.offset), groups=channels))


def _activation(step: Step, _: nn.Module) -> tuple[nn.Module, Origins]:
    name = step.operation.function
    return (Rescale(name) if name in IN_A_LEAF else Table(name)), {}


def _pool(step: Step, _: nn.Module) -> tuple[nn.Module, Origins]:
    pool: Pool = step.operation
    if pool.kind == "max":
        return MaxPool(pool.kernel, stride=pool.stride, padding=pool.padding, dilation=pool.dilation, **pool.options), {}
    return AvgPool(pool.kernel, stride=pool.stride, padding=pool.padding, **pool.options), {}


def _kept(step: Step, module: nn.Module) -> tuple[nn.Module, Origins]:
    path = step.operation.path
    leaf = module.get_submodule(path)
    return leaf, {name: Origin((f"{path}.{name}",)) for name in leaf.state_dict()}


MAKERS: Mapping[type, Callable[[Step, nn.Module], tuple[nn.Module, Origins]]] = {
    Conv: _conv,
    Norm: _norm,
    Affine: _affine,
    Activation: _activation,
    Pool: _pool,
    Kept: _kept,
    Add: lambda step, _: (Sum(step.operation.activation), {}),
    Blend: lambda _, __: (Mix(), {}),
    Multiply: lambda _, __: (Product(), {}),
    Simple: lambda step, _: (step.operation.make(), {}),
}
