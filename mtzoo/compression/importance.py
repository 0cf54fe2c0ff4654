"""How much each channel matters, by the methods the literature agrees on.

Scores of weights say nothing across layers of different fan-in, so they are taken relative to the layer's mean; Taylor's are all
changes of the one loss and stay as they are. Channels that only go together add up (`mtzoo.compression.channels`).
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from mtzoo.compression.channels import Scores
from mtzoo.graph import read_program
from mtzoo.layers import ConvBNAct


def l1_norm(layer: ConvBNAct) -> Tensor:
    """Sum of a filter's absolute weights (arXiv 1608.08710)."""
    return layer.kernel.flatten(1).abs().sum(1)


def l2_norm(layer: ConvBNAct) -> Tensor:
    """Euclidean norm of a filter (arXiv 1808.06866)."""
    return layer.kernel.flatten(1).norm(dim=1)


def bn_scale(layer: ConvBNAct) -> Tensor:
    """|gamma| of the channel's BN (Network Slimming, arXiv 1708.06519), of parallel branches their sum; of a layer without BN the
    filter's norm."""
    return sum(bn.weight.abs() for bn in layer.norms) if layer.norms else l2_norm(layer)


def fpgm(layer: ConvBNAct) -> Tensor:
    """Sum of distances to the layer's other filters: near the geometric median it is replaceable (arXiv 1811.00250)."""
    filters = layer.kernel.flatten(1)
    return torch.cdist(filters, filters).sum(1)


WEIGHT_SCORES: dict[str, Callable[[ConvBNAct], Tensor]] = {"l1": l1_norm, "l2": l2_norm, "bn_scale": bn_scale, "fpgm": fpgm}


@torch.no_grad()
def weight_scores(net: nn.Module, importance: str) -> Scores:
    """Every convolution's scores relative to its mean. importance: a key of WEIGHT_SCORES."""
    scores = {}
    for call in read_program(net).convs:
        values = WEIGHT_SCORES[importance](call.module).double().cpu().numpy()
        scores[call.name] = values / max(values.mean(), np.finfo(np.float32).tiny)
    return scores


def taylor_scores(net: nn.Module, losses: Iterable[Tensor]) -> Scores:
    """First-order Taylor expansion at a gate after BN (arXiv 1906.10771): the mean square of what the loss would change by.

    losses: one scalar of `net` per batch, of all tasks together; made one after another, so that each is freed before the next.
    A gate z scales gamma and beta alike: dL/dz = gamma dL/dgamma + beta dL/dbeta; without BN the same of weight and bias.
    """
    convs = read_program(net).convs
    sums = {call.name: np.zeros(call.module.conv.out_channels) for call in convs}
    count = 0
    for loss in losses:
        net.zero_grad(set_to_none=True)
        loss.backward()
        for call in convs:
            sums[call.name] += _gate_gradient(call.module).square().cpu().numpy()
        count += 1
    net.zero_grad(set_to_none=True)
    if not count:
        raise ValueError("no loss: expected the gradients of at least one batch")
    return {name: total / count for name, total in sums.items()}


@torch.no_grad()
def _gate_gradient(layer: ConvBNAct) -> Tensor:
    """(C_out,) float64; 0 where the losses do not reach."""
    parameters = [p for part in layer.norms or (layer.conv,) for p in (part.weight, part.bias)]
    return sum((p.double() * p.grad.double()).flatten(1 if p.ndim > 1 else 0).reshape(len(p), -1).sum(1)
               for p in parameters if p is not None and p.grad is not None) + layer.conv.weight.new_zeros(
                   layer.conv.out_channels, dtype=torch.float64)
