"""Anchor-free per-location detection head, in the manner of FCOS (arXiv 1904.01355), without centerness."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.layers import ConvBNAct
from mtzoo.models.heads.select import select_levels
from mtzoo.models.vargnet.blocks import SeparableGroupConv
from mtzoo.ops.box_maps import BOX_EXPONENT, CLS_EXPONENT
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

CLASS_PRIOR = 0.01  # initial score of every location, so that the first steps are not spent on the background


@NODES.register_module()
class PerLocationDetectionHead(nn.Module):
    """An anchor-free head like FCOS (arXiv 1904.01355) without centerness: features -> `{"cls_s8": (N, K, H/8, W/8), "box_s8": (N,
    4, H/8, W/8), ...}`, one pair for each stride.

    `cls` holds logits. `box` holds the logarithm of the distances left, top, right, bottom from the cell's centre, in strides.

    Args:
        in_specs: The features.
        num_classes: K.
        strides: The strides of the features to read.
        depth: Separable group convolutions before the two 1x1 convolutions.
        group_base: Channels of a group.
        factor: The expansion inside a separable convolution.
    """

    KIND = "detection"

    def __init__(self, in_specs: Sequence[FeatureSpec], *, num_classes: int, strides: Sequence[int] = (8, 16, 32),
                 depth: int = 2, group_base: int = 8, factor: int = 1) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.picked, specs = select_levels(in_specs, strides)
        self.towers, self.cls, self.box = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for channels in (spec.channels for spec in specs):
            tower = [SeparableGroupConv(channels, channels, group_base=group_base, factor=factor) for _ in range(depth)]
            self.towers.append(nn.Sequential(*tower))
            self.cls.append(ConvBNAct(channels, num_classes, 1, activation="none", bn=False, output="accumulator",
                                      output_exponent=CLS_EXPONENT))
            self.box.append(ConvBNAct(channels, 4, 1, activation="none", bn=False, output="accumulator", output_exponent=BOX_EXPONENT))
        self.reset_outputs()

    def reset_outputs(self) -> None:
        for cls, box in zip(self.cls, self.box):
            nn.init.normal_(cls.conv.weight, std=0.01)
            nn.init.constant_(cls.conv.bias, -math.log((1 - CLASS_PRIOR) / CLASS_PRIOR))
            nn.init.normal_(box.conv.weight, std=0.01)
            nn.init.constant_(box.conv.bias, math.log(2.0))  # boxes of four strides: a middle size of each level

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        outputs = {}
        for i, stride in enumerate(self.strides):
            x = self.towers[i](features[self.picked[i]])
            outputs[f"cls_s{stride}"] = self.cls[i](x)
            outputs[f"box_s{stride}"] = self.box[i](x)
        return outputs
