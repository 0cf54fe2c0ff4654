"""The Unet neck of VarGNetV2 ("upscale" in Horizon's public description)."""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.layers import UpsampleNearest
from mtzoo.models.vargnet.blocks import SeparableGroupConv, VarGBlock
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


class UnetLevel(nn.Module):
    """relu(block(skip) + separable(upsample(deeper))), the channels of the skip."""

    def __init__(self, channels: int, deeper_channels: int, *, group_base: int, factor: int) -> None:
        super().__init__()
        self.block = VarGBlock(channels, group_base=group_base, factor=factor)
        self.upsample = UpsampleNearest()
        self.conv = SeparableGroupConv(deeper_channels, channels, group_base=group_base, factor=factor)

    def forward(self, skip: Tensor, deeper: Tensor) -> Tensor:
        return self.conv(self.upsample(deeper), skip=self.block(skip))


@NODES.register_module()
class UnetNeck(nn.Module):
    """Features of rising stride -> features of the same strides, channels and names. The deepest is passed on as it is.

    Args:
        in_specs: The features, the finest first.
        group_base: Channels of a group, independent of the backbone's.
        factor: The expansion inside a block.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, group_base: int = 8, factor: int = 2) -> None:
        super().__init__()
        for fine, coarse in itertools.pairwise(in_specs):
            if coarse.stride != 2 * fine.stride:
                raise ValueError(f"UnetNeck needs strides that double, got {[s.stride for s in in_specs]}")
        self.out_specs = list(in_specs)
        self.levels = nn.ModuleList(
            UnetLevel(fine.channels, coarse.channels, group_base=group_base, factor=factor)
            for fine, coarse in itertools.pairwise(in_specs))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        outputs = [features[-1]]
        for i in reversed(range(len(self.levels))):
            outputs.insert(0, self.levels[i](features[i], outputs[0]))
        return outputs
