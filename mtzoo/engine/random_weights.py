"""Networks with random weights, and noise for them to see: for what does not depend on what a network has learnt."""

import torch
from torch import Tensor, nn

from mtzoo.layers import normalize_image
from mtzoo.ops.precision import exact_float32


def noise_images(count: int, hw: tuple[int, int], seed: int = 0) -> Tensor:
    """(count, 3, H, W) uint8, coarse noise: maps of all depths see something."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, hw[0] // 8, hw[1] // 8, generator=generator)
    fine = torch.rand(count, 3, *hw, generator=generator)
    return (170 * nn.functional.interpolate(coarse, size=hw, mode="bilinear") + 85 * fine).to(torch.uint8)


@torch.no_grad()
def settle_bn(net: nn.Module, images: Tensor) -> None:
    """Give every BN random factors, and the statistics of these images (N, 3, H, W) uint8; the network is in eval mode then.

    Libraries begin with factors of 0 at the end of residual branches, of which nothing would be seen.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    with exact_float32():
        net.train()(normalize_image(images))
    net.eval()
