"""Images, BN statistics that fit, and comparing raw outputs."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from mtzoo.structures import flatten_outputs


def images(count: int = 2, seed: int = 0) -> Tensor:
    """(count, 3, 64, 96) uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 64, 96), dtype=torch.uint8, generator=generator)


def randomize(net: nn.Module, x: Tensor) -> None:
    """Random BN affines, and BN statistics that are those of `x`.

    Small residuals, as trained networks have them: a random one of full gain doubles any difference every few blocks.
    """
    for name, m in net.named_modules():
        if isinstance(m, nn.BatchNorm2d):
            gain = 0.1 if name.endswith("out_conv.pointwise.bn") else 1.0
            nn.init.uniform_(m.weight, 0.5 * gain, 1.5 * gain)
            nn.init.normal_(m.bias, std=0.2)
            m.momentum = 1.0
    with torch.no_grad():
        net.train()(x)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = 0.1


@torch.no_grad()
def mask(net: nn.Module, channels: Mapping[str, Collection[int]]) -> None:
    """Make channels of a float network's layers, whose BN is live, give 0, in place: what pruning them has to equal."""
    for layer, indices in channels.items():
        for bn in net.get_submodule(layer).norms:
            bn.weight[list(indices)] = 0.0
            bn.bias[list(indices)] = 0.0


@torch.no_grad()
def outputs(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    return flatten_outputs(net.eval()(x))


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> int:
    assert a.keys() == b.keys()
    return sum(int((a[key] != b[key]).sum()) for key in a)
