"""Nodes, and statistics of BN, that a phase of training leaves as they are."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(nodes: Iterable[nn.Module]) -> Iterator[None]:
    """The nodes stay as they are inside the block: eval mode and no gradients keep their weights, BN statistics and scales."""
    nodes = list(nodes)
    still = [p for node in nodes for p in node.parameters() if p.requires_grad]
    training = [m for node in nodes for m in node.modules() if m.training]
    try:
        for node in nodes:
            node.eval().requires_grad_(False)
        yield
    finally:
        for parameter in still:
            parameter.requires_grad_(True)
        for module in training:
            module.training = True


@contextmanager
def frozen_statistics(net: nn.Module) -> Iterator[None]:
    """BN normalises by its running statistics inside the block, and keeps them; its factors are learnt.

    Behind layers that normalise each batch no longer, the statistics of single batches vary widely, and a running mean of the last ones
    is worse than what training has left.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and m.training]
    try:
        for norm in norms:
            norm.training = False
        yield
    finally:
        for norm in norms:
            norm.training = True
