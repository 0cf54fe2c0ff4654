"""ResNet-D, PaddlePaddle's ResNet_vd (arXiv 1812.01187): a stem of three 3x3 convolutions, and shortcuts that average before they
convolve."""

from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.lowering.preprocessing import IMAGENET, Preprocessing
from mtzoo.models.blocks import conv_bn_relu
from mtzoo.models.published_backbone import Published, PublishedBackbone
from mtzoo.models.residual import basic_block, bottleneck
from mtzoo.models.timm_backbone import timm_weights
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec

WIDTHS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Depth -> blocks of each stage."""
BASIC = (18, 34)
"""Depths of two 3x3 convolutions in a block; the others have a bottleneck."""
STRIDES = (4, 8, 16, 32)


class ResNetD(nn.Module):
    """Image (N, 3, H, W) -> the map behind `stage4`. Tensors stand in the order of timm's `resnet50d`."""

    def __init__(self, in_channels: int, depth: int, output_stride: int, multi_grid: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn_relu(in_channels, 32, 3, stride=2), conv_bn_relu(32, 32, 3), conv_bn_relu(32, 64, 3),
                                  nn.MaxPool2d(3, 2, 1))
        block, expansion = (basic_block, 1) if depth in BASIC else (bottleneck, 4)
        channels = 64
        for place, (width, count) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True)):
            dilation = max(STRIDES[place] // output_stride, 1)
            stride = 2 if place > 0 and dilation == 1 else 1
            grid = multi_grid if place == len(WIDTHS) - 1 else (1,)
            blocks = []
            for i in range(count):
                blocks.append(block(channels, width, stride if i == 0 else 1, dilation * grid[i % len(grid)]))
                channels = expansion * width
            self.add_module(f"stage{place + 1}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        return self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x)))))


@NODES.register_module()
class ResNetVD(PublishedBackbone):
    """ResNet-D (arXiv 1812.01187), PaddlePaddle's ResNet_vd: image (N, 3, H, W) -> `stage1` ... `stage4` of strides 4, 8, 16, 32.

    Args:
        in_specs: The image.
        depth: 18, 34, 50, 101 or 152.
        output_stride: The largest stride: 8, 16 or 32. Further strides become dilations.
        multi_grid: Factors of the dilations in the last stage's blocks. DeepLab has (1, 2, 4).
        weights: None, `"imagenet"` (timm's weights of the same depth), or a file.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, depth: int = 50, output_stride: int = 32,
                 multi_grid: Sequence[int] = (1, 1, 1), weights: str | None = None) -> None:
        if depth not in BLOCKS:
            raise ValueError(f"depth={depth}: expected one of {', '.join(map(str, BLOCKS))}")
        if output_stride not in STRIDES[1:]:
            raise ValueError(f"output_stride={output_stride}: expected 8, 16 or 32")
        if not multi_grid or min(multi_grid) < 1:
            raise ValueError(f"multi_grid={list(multi_grid)}: expected factors of 1 or more, e.g. [1, 2, 4]")
        module = ResNetD(in_specs[0].channels, depth, output_stride, multi_grid)
        super().__init__(module, in_specs, features=[f"stage{i}" for i in range(1, 5)], output_stride=None, weights=weights)
        self.depth = depth

    def file_reads(self) -> Preprocessing:
        return IMAGENET

    def download(self) -> Published:
        return timm_weights(f"resnet{self.depth}d")
