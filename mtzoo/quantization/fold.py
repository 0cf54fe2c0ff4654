"""Fold BN into convolutions, in float64: the network computes the same function, a convolution and nothing after it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import nn

from mtzoo.errors import UserError, did_you_mean
from mtzoo.layers import ConvBNAct


def fold_bn(net: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Fold the BN of every ConvBNAct whose module path matches one of the fnmatch patterns ("nodes.backbone.*"), in place.

    Returns the paths folded now; layers without BN stay as they are, so folds can be replayed in order. The convolutions'
    parameters are new objects: build optimizers afterwards. Raises UserError for a pattern that matches no layer.
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
    """bn(w x + b) = (w f) x + (b - mean) f + beta, with f = gamma / sqrt(var + eps), per output channel."""
    conv, bn = layer.conv, layer.bn
    mean, var = bn.running_mean.double(), bn.running_var.double()
    gamma = torch.ones_like(mean) if bn.weight is None else bn.weight.double()
    beta = torch.zeros_like(mean) if bn.bias is None else bn.bias.double()
    bias = torch.zeros_like(mean) if conv.bias is None else conv.bias.double()
    factor = gamma / torch.sqrt(var + bn.eps)  # (C_out,)
    dtype = conv.weight.dtype
    conv.weight = nn.Parameter((conv.weight.double() * factor.view(-1, 1, 1, 1)).to(dtype))
    conv.bias = nn.Parameter(((bias - mean) * factor + beta).to(dtype))
    layer.bn = None


def layers_with_bn(net: nn.Module) -> list[str]:
    """Paths of the layers whose BN is live."""
    return [name for name, m in net.named_modules() if isinstance(m, ConvBNAct) and m.bn is not None]
