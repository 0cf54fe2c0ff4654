"""HRNet (arXiv 1908.07919): maps of several strides side by side, which exchange what they know again and again."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtzoo.models.blocks import conv_bn, conv_bn_relu
from mtzoo.models.residual import basic_block, bottleneck
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

STRIDES = (4, 8, 16, 32)
STEM_CHANNELS = 64


class Exchange(nn.Module):
    """Maps whose strides double -> the same: each becomes relu(the sum of all), brought to its size and channels.

    A coarser map is convolved 1x1 and enlarged, a finer one takes as many strided 3x3 convolutions as it needs.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.ModuleList(self._path(channels, source, target) for source in range(len(channels))) for target in range(len(channels)))

    @staticmethod
    def _path(channels: Sequence[int], source: int, target: int) -> nn.Module:
        if source >= target:
            return nn.Identity() if source == target else conv_bn(channels[source], channels[target])
        width = channels[source]
        steps = [conv_bn_relu(width, width, 3, stride=2) for _ in range(target - source - 1)]
        return nn.Sequential(*steps, conv_bn(width, channels[target], 3, stride=2))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        results = []
        for target, paths in enumerate(self.paths):
            total = maps[target]
            for source, (path, x) in enumerate(zip(paths, maps, strict=True)):
                if source > target:
                    total = total + F.interpolate(path(x), size=maps[target].shape[2:], mode="bilinear", align_corners=False)
                elif source < target:
                    total = total + path(x)
            results.append(F.relu(total))
        return results


class HRModule(nn.Module):
    """A few residual blocks on each map, and an exchange."""

    def __init__(self, channels: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(basic_block(width, width) for _ in range(blocks))) for width in channels)
        self.exchange = Exchange(channels)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return self.exchange([branch(x) for branch, x in zip(self.branches, maps, strict=True)])


class Transition(nn.Module):
    """Maps -> one more, of twice the stride of the last, which a strided convolution makes of it; channels become those wanted."""

    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        super().__init__()
        self.kept = nn.ModuleList(nn.Identity() if a == b else conv_bn_relu(a, b, 3) for a, b in zip(before, after))
        self.new = conv_bn_relu(before[-1], after[-1], 3, stride=2)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [*(conv(x) for conv, x in zip(self.kept, maps, strict=True)), self.new(maps[-1])]


@NODES.register_module()
class HRNet(nn.Module):
    """HRNet (arXiv 1908.07919): image (N, 3, H, W) -> `s4`, `s8`, `s16`, `s32` of `width` times 1, 2, 4 and 8 channels.

    HRNet-W18-small-v2 has modules (1, 3, 2), blocks 2, first_blocks 2. Version 1 has width 16, modules (1, 1, 1), blocks 2,
    first_blocks 1, first_width 32.

    Args:
        in_specs: The image.
        width: Channels at stride 4.
        modules: Modules of the stages with two, three and four maps.
        blocks: Residual blocks of each map in a module.
        first_blocks: Bottlenecks at stride 4 in front.
        first_width: Their inner width.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, width: int = 18, modules: Sequence[int] = (1, 4, 3), blocks: int = 4,
                 first_blocks: int = 4, first_width: int = 64) -> None:
        super().__init__()
        if len(modules) != 3 or min(*modules, blocks, first_blocks, first_width, width) < 1:
            raise ValueError(f"modules={list(modules)}, blocks={blocks}, first_blocks={first_blocks}, first_width={first_width}, "
                             f"width={width}: expected three numbers of modules, and 1 or more of each")
        self.stem = nn.Sequential(conv_bn_relu(in_specs[0].channels, STEM_CHANNELS, 3, stride=2),
                                  conv_bn_relu(STEM_CHANNELS, STEM_CHANNELS, 3, stride=2))
        firsts = [STEM_CHANNELS, *[4 * first_width] * first_blocks]
        self.first = nn.Sequential(*(bottleneck(a, first_width) for a, _ in pairwise(firsts)))
        widths, channels = [width * 2**i for i in range(4)], [firsts[-1]]
        self.stages = nn.ModuleList()
        for count, number in enumerate(modules, 2):
            moved = Transition(channels, widths[:count])
            channels = widths[:count]
            self.stages.append(nn.Sequential(moved, *(HRModule(channels, blocks) for _ in range(number))))
        self.out_specs = [FeatureSpec(c, stride, f"s{stride}") for c, stride in zip(channels, STRIDES, strict=True)]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.first(self.stem(x))]
        for stage in self.stages:
            maps = stage(maps)
        return maps


@NODES.register_module()
class ResizeConcat(nn.Module):
    """Features -> `concat`: all enlarged (bilinear) to the finest stride and joined.

    Args:
        in_specs: The features.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec]) -> None:
        super().__init__()
        self.finest = min(range(len(in_specs)), key=lambda i: in_specs[i].stride)
        self.out_specs = [FeatureSpec(sum(spec.channels for spec in in_specs), in_specs[self.finest].stride, "concat")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        size = features[self.finest].shape[2:]
        enlarged = [F.interpolate(x, size=size, mode="bilinear", align_corners=False) for x in features]
        return [torch.cat(enlarged, dim=1)]
