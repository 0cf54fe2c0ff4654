"""VarGNetV2 (arXiv 1907.05653, and Horizon Robotics' public description of V2)."""

from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.layers import ConvBNAct
from mtzoo.models.vargnet.blocks import VarGBlock, VarGDownBlock
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

# name in the paper, stride, channels at width 1.0, merged first block
STAGES = (("mod2", 4, 32, False), ("mod3", 8, 64, True), ("mod4", 16, 128, True), ("mod5", 32, 256, True))
STEM_CHANNELS = 32


@NODES.register_module()
class VarGNetV2(nn.Module):
    """VarGNetV2 (VarGNet, arXiv 1907.05653, in its public second version): image (N, 3, H, W) -> `mod2` ... `mod5` of strides 4, 8,
    16, 32.

    `vargnet_v2_g8g4_0_5x` has width 0.5, group_base 8 here, and group_base 4 in the neck.

    Args:
        in_specs: The image.
        width: The channel multiplier, 0.25 to 2.
        group_base: Channels of a group, 4 or 8.
        blocks: Blocks of each stage, at least 1.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, width: float = 0.5, group_base: int = 8,
                 blocks: Sequence[int] = (1, 3, 7, 4)) -> None:
        super().__init__()
        if len(blocks) != len(STAGES) or min(blocks) < 1:
            raise ValueError(f"blocks={list(blocks)}: expected {len(STAGES)} numbers of at least 1, one for each stage")
        stem = self._channels(STEM_CHANNELS, width, group_base)
        self.stem = ConvBNAct(in_specs[0].channels, stem, 3, stride=2, activation="none")
        self.stages = nn.ModuleList()
        self.out_specs: list[FeatureSpec] = []
        channels = stem
        for (name, stride, base, merge), depth in zip(STAGES, blocks):
            out = self._channels(base, width, group_base)
            factor = 8 // group_base if stride == 4 else 2
            first = VarGDownBlock(channels, out, group_base=group_base, factor=factor, merge=merge)
            rest = [VarGBlock(out, group_base=group_base, factor=factor) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            self.out_specs.append(FeatureSpec(out, stride, name))
            channels = out

    @staticmethod
    def _channels(base: int, width: float, group_base: int) -> int:
        channels = base * width
        if not 0.25 <= width <= 2.0 or channels % group_base:
            raise ValueError(f"width={width} with group_base={group_base}: {channels:g} channels are no multiple of the "
                             "group base, or the width is outside 0.25 ... 2.0")
        return int(channels)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
