"""What the sides of a network's input have to be multiples of."""

import math

from torch import nn


def network_stride(net: nn.Module) -> int:
    """The least common multiple of the strides of all its features, and of what single nodes need besides.

    net: a MultiTaskNet. A node that works on more than whole cells of its features, e.g. on windows of them, says so by an
    attribute `needs_stride`, in input pixels.
    """
    strides = {spec.stride for node in net.nodes.values() for spec in getattr(node, "out_specs", ())}
    needed = {getattr(node, "needs_stride", 1) for node in net.nodes.values()}
    return math.lcm(*strides, *needed)
