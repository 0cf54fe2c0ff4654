"""How far each channel of a result reaches, on images."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def channel_ranges(net: nn.Module, leaves: Mapping[str, nn.Module], batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Name of a leaf -> (C,) largest |value| of each channel of its result on batches (N, 3, H, W) of normalised images."""
    found: dict[str, Tensor] = {}

    def watch(name: str) -> object:
        def hook(module: nn.Module, args: tuple[Tensor, ...], result: Tensor) -> None:
            largest = result.abs().amax((0, 2, 3))
            found[name] = torch.maximum(found[name], largest) if name in found else largest
        return hook

    handles = [leaf.register_forward_hook(watch(name)) for name, leaf in leaves.items()]
    try:
        for batch in batches:
            net(batch)
    finally:
        for handle in handles:
            handle.remove()
    return found
