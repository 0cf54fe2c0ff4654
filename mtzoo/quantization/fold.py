"""Fold BN into convolutions, in float64: the network computes the same function, a convolution and nothing after it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.layers import ConvBNAct


def fold_bn(net: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Fold BN into the convolutions, in float64, in place. The convolutions get new parameters: build optimizers afterwards.

    Args:
        net: A network of leaves.
        patterns: fnmatch patterns of module paths, e.g. `"nodes.backbone.*"`.

    Returns:
        The module paths that were folded now. Layers without BN stay as they are.

    Raises:
        UserError: A pattern matches no layer.
    """
    layers = {name: m for name, m in net.named_modules() if isinstance(m, ConvBNAct)}
    matched: dict[str, ConvBNAct] = {}
    for pattern in patterns:
        hits = {name: m for name, m in layers.items() if fnmatchcase(name, pattern)}
        if not hits:
            nodes = {f"{'.'.join(name.split('.')[:2])}.*" for name in layers}
            raise UserError(f"fusion_bn_patterns: '{pattern}' matches no layer{did_you_mean(pattern, nodes)}")
        matched |= hits
    folded = [name for name, layer in matched.items() if layer.bn is not None]
    for name in folded:
        fold_layer(layers[name])
    return folded


@torch.no_grad()
def fold_layer(layer: ConvBNAct) -> None:
    """Give the convolution the values of `layer.folded`, in place; parallel branches, if it has some, become a part of it."""
    dtype = layer.conv.weight.dtype
    weight, bias = layer.folded()
    layer.conv.weight, layer.conv.bias = nn.Parameter(weight.to(dtype)), nn.Parameter(bias.to(dtype))
    layer.drop_norms()


def layers_with_bn(net: nn.Module) -> list[str]:
    """Paths of the layers whose BN is live."""
    return [name for name, m in net.named_modules() if isinstance(m, ConvBNAct) and m.bn is not None]
