"""Layers without arithmetic: they move integers and keep their scale."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class UpsampleNearest2x(nn.Module):
    """(N, C, H, W) -> (N, C, 2H, 2W), nearest: exact in any precision."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Concat(nn.Module):
    """Channel concatenation. The layers that feed it share one activation quantizer: its output has one scale."""

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=1)


class ImageQuant(nn.Module):
    """The door of the network: (N, 3, H, W) normalised image, already on the grid (uint8 - 128) * 2^-7."""

    exponent = -7

    def forward(self, image: Tensor) -> Tensor:
        return image


def normalize_image(image: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) -> float32 (x - 128) / 128, exact."""
    return (image.to(torch.float32) - 128.0) / 128.0
