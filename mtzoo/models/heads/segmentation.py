"""Dense segmentation head."""

from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.layers import Concat, ConvBNAct, UpsampleNearest
from mtzoo.models.heads.select import select_levels
from mtzoo.models.vargnet.blocks import VarGBlock, grouped
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class DenseSegmentationHead(nn.Module):
    """Blocks and a classifier: features -> `{"logits": (N, K, H/s, W/s)}` at the finest stride s.

    Args:
        in_specs: The features.
        num_classes: K.
        strides: One or two strides of the features to read. The coarser feature joins as further hidden channels.
        channels: The width of the head.
        depth: Blocks of this width.
        group_base: Channels of a group.
        factor: The expansion inside a block.
    """

    KIND = "segmentation"

    def __init__(self, in_specs: Sequence[FeatureSpec], *, num_classes: int, strides: Sequence[int] = (4, 8),
                 channels: int = 32, depth: int = 1, group_base: int = 8, factor: int = 1) -> None:
        super().__init__()
        if not 1 <= len(strides) <= 2:
            raise ValueError(f"strides={tuple(strides)}: expected one stride, or two, the second twice the first")
        self.picked, specs = select_levels(in_specs, strides)
        if len(specs) == 2 and specs[1].stride != 2 * specs[0].stride:
            raise ValueError(f"strides={tuple(strides)}: the second is twice the first, e.g. (4, 8)")
        hidden = specs[0].channels * 2
        self.spatial = ConvBNAct(specs[0].channels, hidden, 3, groups=grouped(specs[0].channels, group_base))
        self.context = self.upsample = self.concat = None
        if len(specs) == 2:
            self.context = ConvBNAct(specs[1].channels, channels, 1)
            self.upsample, self.concat = UpsampleNearest(), Concat()
            hidden += channels
        self.pointwise = ConvBNAct(hidden, channels, 1)
        self.blocks = nn.Sequential(*[VarGBlock(channels, group_base=group_base, factor=factor) for _ in range(depth)])
        self.classify = ConvBNAct(channels, num_classes, 1, activation="none", bn=False, output="accumulator")

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        x = self.spatial(features[self.picked[0]])
        if self.context is not None:
            x = self.concat(x, self.upsample(self.context(features[self.picked[1]])))
        return {"logits": self.classify(self.blocks(self.pointwise(x)))}
