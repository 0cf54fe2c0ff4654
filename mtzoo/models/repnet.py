"""RepNet: a trunk, neck and towers of dense 3x3 convolutions, which matrix units of CPUs compute at their best rate.

The convolutions are trained as RepVGG's blocks (arXiv 2101.03697) and deployed as one convolution each. Little is done at stride 4,
where a layer costs most time for what it computes; the towers are there once, and tasks share them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from mtzoo.layers import ConvBNAct, RepConvBNAct, UpsampleNearest
from mtzoo.models.heads.select import select_levels
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@dataclass(frozen=True)
class RepNetSize:
    """stem: channels at stride 4; channels: at strides 8, 16 and 32; blocks: of each of these behind the one that shrinks the map."""

    stem: int
    channels: tuple[int, int, int]
    blocks: tuple[int, int, int]


SIZES = {
    "nano": RepNetSize(32, (32, 64, 128), (1, 2, 2)),
    "small": RepNetSize(32, (64, 128, 256), (2, 4, 3)),
    "medium": RepNetSize(48, (96, 192, 384), (2, 4, 3)),
}


class RepBottleneck(nn.Module):
    """relu(x + 3x3(1x1(x))), the 1x1 convolution to half the channels: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = ConvBNAct(channels, channels // 2, 1)
        self.spatial = RepConvBNAct(channels // 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.spatial(self.reduce(x), skip=x)


def rep_convs(channels: int, count: int) -> nn.Sequential:
    """`count` convolutions of 3x3: (N, C, H, W) -> (N, C, H, W)."""
    return nn.Sequential(*(RepConvBNAct(channels, channels) for _ in range(count)))


def stem_of(kind: str, in_channels: int, channels: int) -> nn.Module:
    """(N, C_in, H, W) -> (N, channels, H/4, W/4)."""
    if kind == "patch":
        return ConvBNAct(in_channels, channels, 4, stride=4, padding=0)
    if kind == "convs":
        return nn.Sequential(ConvBNAct(in_channels, channels // 2, 3, stride=2), RepConvBNAct(channels // 2, channels, stride=2))
    raise ValueError(f"stem={kind!r}: expected 'patch' (4x4 pixels, each read once) or 'convs' (two strided 3x3 convolutions)")


@NODES.register_module()
class RepNet(nn.Module):
    """A backbone of dense 3x3 convolutions, trained as branches (RepVGG, arXiv 2101.03697): image (N, 3, H, W) -> `s4`, `s8`,
    `s16`, `s32`.

    Args:
        in_specs: The image.
        size: `"nano"`, `"small"` or `"medium"`.
        stem: `"patch"`: one 4x4 convolution of stride 4. `"convs"`: two 3x3 convolutions of stride 2, and a feature `s2`.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, size: str = "small", stem: Literal["patch", "convs"] = "patch") -> None:
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"size={size!r}: expected one of {', '.join(SIZES)}")
        spec = SIZES[size]
        self.stem = stem_of(stem, in_specs[0].channels, spec.stem)
        self.stages = nn.ModuleList()
        for (before, out), count in zip(pairwise((spec.stem, *spec.channels)), spec.blocks):
            deepest = len(self.stages) == len(spec.channels) - 1
            rest = [RepBottleneck(out) for _ in range(count)] if deepest else rep_convs(out, count)
            self.stages.append(nn.Sequential(RepConvBNAct(before, out, stride=2), *rest))
        self.out_specs = [FeatureSpec(out, stride, f"s{stride}") for out, stride in zip((spec.stem, *spec.channels), (4, 8, 16, 32))]
        if stem == "convs":
            self.out_specs.insert(0, FeatureSpec(spec.stem // 2, 2, "s2"))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for part in self.stem if isinstance(self.stem, nn.Sequential) else [self.stem]:
            x = part(x)
            features.append(x)
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features


class RepLevel(nn.Module):
    """3x3(relu(lateral(skip) + upsample(reduce(deeper)))), all of `channels`; reduce only where the deeper map has others."""

    def __init__(self, skip_channels: int, channels: int, deeper_channels: int) -> None:
        super().__init__()
        self.reduce = ConvBNAct(deeper_channels, channels, 1) if deeper_channels != channels else nn.Identity()
        self.upsample = UpsampleNearest()
        self.lateral = ConvBNAct(skip_channels, channels, 1)
        self.smooth = RepConvBNAct(channels, channels)

    def forward(self, skip: Tensor, deeper: Tensor) -> Tensor:
        return self.smooth(self.lateral(skip, skip=self.upsample(self.reduce(deeper))))


@NODES.register_module()
class RepNeck(nn.Module):
    """A feature pyramid (arXiv 1612.03144): features of rising stride -> features of the same strides and names.

    Args:
        in_specs: The features, the finest first.
        channels: Of every feature, for trunks with few channels at fine strides. None: each keeps its own, and the deepest gets those
            of the one before it.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int | None = None) -> None:
        super().__init__()
        strides = [spec.stride for spec in in_specs]
        if len(in_specs) < 2 or any(coarse != 2 * fine for fine, coarse in pairwise(strides)):
            raise ValueError(f"RepNeck reads two features or more whose strides double, got {strides}; "
                             "e.g. inputs=['backbone.s8', 'backbone.s16', 'backbone.s32']")
        widths = [channels or spec.channels for spec in in_specs[:-1]]
        widths.append(widths[-1])
        self.out_specs = [spec._replace(channels=width) for spec, width in zip(in_specs, widths)]
        self.deepest = ConvBNAct(in_specs[-1].channels, widths[-1], 1)
        self.levels = nn.ModuleList(
            RepLevel(skip.channels, fine, coarse) for skip, (fine, coarse) in zip(in_specs, pairwise(widths)))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        outputs = [self.deepest(features[-1])]
        for level, skip in zip(reversed(self.levels), reversed(features[:-1])):
            outputs.insert(0, level(skip, outputs[0]))
        return outputs


@NODES.register_module()
class RepDetectionTower(nn.Module):
    """3x3 convolutions that detection tasks share: features -> features of the same channels and names.

    Detection heads that read it need only their last convolutions (`PerLocationDetectionHead` with `depth=0`).

    Args:
        in_specs: The features.
        strides: The strides of the features to read.
        depth: Convolutions at each stride.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, strides: Sequence[int] = (8, 16, 32), depth: int = 2) -> None:
        super().__init__()
        self.picked, self.out_specs = select_levels(in_specs, strides)
        self.towers = nn.ModuleList(rep_convs(spec.channels, depth) for spec in self.out_specs)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [tower(features[i]) for tower, i in zip(self.towers, self.picked)]


@NODES.register_module()
class RepSegmentationTower(nn.Module):
    """A 3x3 convolution that segmentation tasks share: features -> `detail` at the finest stride, for heads that only classify.

    Such heads are `FCNHead` with `depth=0`.

    Args:
        in_specs: The features.
        strides: One stride, or two of which the second is twice the first. Most is computed at the second. With one stride the feature
            is named after it (`s8`) and keeps its channels.
        channels: Channels that the first stride adds, if there are two.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, strides: Sequence[int] = (4, 8), channels: int = 32) -> None:
        super().__init__()
        self.picked, specs = select_levels(in_specs, strides)
        if len(specs) > 2 or len(specs) == 2 and specs[1].stride != 2 * specs[0].stride:
            raise ValueError(f"strides={list(strides)}: expected one stride, or two, the second twice the first, e.g. [4, 8]")
        coarse = specs[-1]
        self.context = RepConvBNAct(coarse.channels, coarse.channels)
        self.out_specs = [FeatureSpec(coarse.channels, coarse.stride, f"s{coarse.stride}")]
        self.joins = len(specs) == 2
        if self.joins:
            self.reduce, self.upsample = ConvBNAct(coarse.channels, channels, 1), UpsampleNearest()
            self.detail = RepConvBNAct(specs[0].channels, channels)
            self.out_specs = [FeatureSpec(channels, specs[0].stride, "detail")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = self.context(features[self.picked[-1]])
        return [self.detail(features[self.picked[0]], skip=self.upsample(self.reduce(x)))] if self.joins else [x]
