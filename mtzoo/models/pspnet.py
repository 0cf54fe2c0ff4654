"""PSPNet (arXiv 1612.01105): means of a map over a few bins, beside the map."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn_relu, one_feature
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class PyramidPooling(nn.Module):
    """Pyramid pooling (PSPNet, arXiv 1612.01105): one feature -> `pyramid` of the same stride.

    The feature is joined with its means over n x n bins, each convolved and enlarged.

    Args:
        in_specs: The feature.
        bins: Each n.
        channels: Channels of each branch. None: the branches together have as many as the feature.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, bins: Sequence[int] = (1, 2, 3, 6), channels: int | None = None) -> None:
        super().__init__()
        spec = one_feature(in_specs)
        if not bins or min(bins) < 1:
            raise ValueError(f"bins={list(bins)}: expected numbers of 1 or more, e.g. [1, 2, 3, 6]")
        width = channels or spec.channels // len(bins)
        self.levels = nn.ModuleList(nn.Sequential(nn.AdaptiveAvgPool2d(n), conv_bn_relu(spec.channels, width)) for n in bins)
        self.out_specs = [FeatureSpec(spec.channels + len(bins) * width, spec.stride, "pyramid")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[0]
        levels = [F.interpolate(level(x), size=x.shape[2:], mode="bilinear", align_corners=False) for level in self.levels]
        return [torch.cat([x, *levels], dim=1)]
