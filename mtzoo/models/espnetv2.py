"""ESPNetv2 for segmentation (arXiv 1811.11431), in ordinary PyTorch, with the names of the published state dicts.

The decoder's pyramid of resized maps and its gated merging are those of the weights' release (EdgeNets, arXiv 1906.03516).
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BRANCHES = 4
DILATIONS = {13: (1, 2, 3, 4), 11: (1, 2, 3, 4), 9: (1, 2, 3, 4), 7: (1, 1, 2, 3)}
"""Largest receptive field of a stage -> the dilations that fit into it."""
BLOCKS = (3, 7)
SCALES = (2.0, 1.5, 1.0, 0.5, 0.1)
PROJECTED, SMALLEST = 10, 5
WIDTHS = {0.5: (16, 32, 64, 128), 1.0: (32, 64, 128, 256), 1.25: (32, 80, 160, 320), 1.5: (32, 96, 192, 384), 2.0: (32, 128, 256, 512)}
"""Width factor -> channels of the four levels."""
DECODED = (64, 48, 32)


class ConvNorm(nn.Module):
    """Convolution and BN; with `act` a PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1, *, act: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.act = nn.PReLU(out_channels) if act else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x if self.act is None else self.act(x)


class NormAct(nn.Module):
    """BN, PReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn, self.act = nn.BatchNorm2d(channels), nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(x))


class Dilated(nn.Module):
    """A depthwise convolution with holes."""

    def __init__(self, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Eesp(nn.Module):
    """Extremely efficient spatial pyramid of depthwise dilated convolutions."""

    def __init__(self, in_channels: int, out_channels: int, reach: int, stride: int = 1) -> None:
        super().__init__()
        each = out_channels // BRANCHES
        self.proj_1x1 = ConvNorm(in_channels, each, 1, groups=BRANCHES)
        self.spp_dw = nn.ModuleList(Dilated(each, stride, dilation) for dilation in DILATIONS[reach])
        self.conv_1x1_exp = ConvNorm(out_channels, out_channels, 1, groups=BRANCHES, act=False)
        self.br_after_cat = NormAct(out_channels)
        self.module_act = nn.PReLU(out_channels)
        self.is_strided = stride > 1

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.proj_1x1(x)
        sums = [self.spp_dw[0](reduced)]
        for dilated in self.spp_dw[1:]:
            sums.append(dilated(reduced) + sums[-1])
        expanded = self.conv_1x1_exp(self.br_after_cat(torch.cat(sums, 1)))
        return expanded if self.is_strided else self.module_act(expanded + x)


class Down(nn.Module):
    """Halves the map; the image, shrunk to its size, is added."""

    def __init__(self, in_channels: int, out_channels: int, reach: int, image_stride: int) -> None:
        super().__init__()
        self.eesp = Eesp(in_channels, out_channels - in_channels, reach, 2)
        self.avg = nn.AvgPool2d(3, 2, 1)
        self.inp_reinf = nn.Sequential(ConvNorm(3, 3, 3), ConvNorm(3, out_channels, 1, act=False))
        self.act = nn.PReLU(out_channels)
        self.halvings = int(math.log2(image_stride))

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        for _ in range(self.halvings):
            image = F.avg_pool2d(image, 3, 2, 1)
        return self.act(torch.cat([self.avg(x), self.eesp(x)], 1) + self.inp_reinf(image))


class Encoder(nn.Module):
    """Image -> maps at strides 2, 4, 8 and 16."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        one, two, three, four = widths
        self.level1 = ConvNorm(3, one, 3, 2)
        self.level2_0 = Down(one, two, 13, 4)
        self.level3_0 = Down(two, three, 11, 8)
        self.level3 = nn.ModuleList(Eesp(three, three, 9) for _ in range(BLOCKS[0]))
        self.level4_0 = Down(three, four, 9, 16)
        self.level4 = nn.ModuleList(Eesp(four, four, 7) for _ in range(BLOCKS[1]))

    def forward(self, image: Tensor) -> list[Tensor]:
        first = self.level1(image)
        second = self.level2_0(first, image)
        third = self.level3_0(second, image)
        for block in self.level3:
            third = block(third)
        fourth = self.level4_0(third, image)
        for block in self.level4:
            fourth = block(fourth)
        return [first, second, third, fourth]


class Sequenced(nn.Module):
    """Layers in a row, under the name that the release has for them."""

    def __init__(self, name: str, *layers: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return self._modules[self.name](x)


def conv_norm_act(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> Sequenced:
    conv = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False)
    return Sequenced("cbr", conv, nn.BatchNorm2d(out_channels), nn.PReLU(out_channels))


def norm_act(channels: int) -> Sequenced:
    return Sequenced("br", nn.BatchNorm2d(channels), nn.PReLU(channels))


class PyramidPool(nn.Module):
    """One depthwise convolution at each of five sizes of the map, joined."""

    def __init__(self, in_channels: int, out_channels: int, *, is_last: bool = False) -> None:
        super().__init__()
        joined = PROJECTED * len(SCALES)
        self.stages = nn.ModuleList(nn.Conv2d(PROJECTED, PROJECTED, 3, padding=1, groups=PROJECTED, bias=False) for _ in SCALES)
        self.projection_layer = conv_norm_act(in_channels, PROJECTED, 1)
        self.merge_layer = nn.Sequential(norm_act(joined), nn.ChannelShuffle(len(SCALES)),
                                         conv_norm_act(joined, PROJECTED, 3, PROJECTED),
                                         nn.Conv2d(PROJECTED, out_channels, 1, bias=is_last))
        self.br = None if is_last else norm_act(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.projection_layer(x)
        size = (int(x.shape[2]), int(x.shape[3]))
        maps = []
        for scale, stage in zip(SCALES, self.stages):
            resized = tuple(max(math.ceil(side * scale), SMALLEST) for side in size)
            if scale > 1:
                maps.append(F.adaptive_avg_pool2d(stage(_enlarged(x, resized)), size))
            elif scale < 1:
                maps.append(_enlarged(stage(F.adaptive_avg_pool2d(x, resized)), size))
            else:
                maps.append(stage(x))
        merged = self.merge_layer(torch.cat(maps, 1))
        return merged if self.br is None else self.br(merged)


class GatedProjection(nn.Module):
    """A grouped convolution times a gate for each channel, which a mean over the map decides."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.wt_layer = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.Sigmoid())
        self.expansion_layer = conv_norm_act(in_channels, out_channels, 3, math.gcd(in_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.expansion_layer(x) * self.wt_layer(x)


class ESPNetv2(nn.Module):
    """Image (N, 3, H, W), RGB, ImageNet's mean and deviation, sides multiples of 16 -> logits (N, classes, H, W).

    width: factor, a key of WIDTHS; classes: 20 of Cityscapes' release: 19 and one for what is unlabelled.
    """

    def __init__(self, width: float = 2.0, classes: int = 20) -> None:
        super().__init__()
        one, two, three, four = WIDTHS[width]
        self.base_net = Encoder(WIDTHS[width])
        self.bu_dec_l1 = PyramidPool(four, DECODED[0])
        self.bu_dec_l2 = PyramidPool(DECODED[0], DECODED[1])
        self.bu_dec_l3 = PyramidPool(DECODED[1], DECODED[2])
        self.bu_dec_l4 = PyramidPool(DECODED[2], classes, is_last=True)
        self.merge_enc_dec_l2 = GatedProjection(three, DECODED[0])
        self.merge_enc_dec_l3 = GatedProjection(two, DECODED[1])
        self.merge_enc_dec_l4 = GatedProjection(one, DECODED[2])
        self.bu_br_l2, self.bu_br_l3, self.bu_br_l4 = (nn.Sequential(nn.BatchNorm2d(c), nn.PReLU(c)) for c in DECODED)

    def forward(self, image: Tensor) -> Tensor:
        first, second, third, fourth = self.base_net(image)
        x = self.bu_dec_l1(fourth)
        x = self.bu_dec_l2(self.bu_br_l2(self.merge_enc_dec_l2(third) + _doubled(x)))
        x = self.bu_dec_l3(self.bu_br_l3(self.merge_enc_dec_l3(second) + _doubled(x)))
        x = self.bu_dec_l4(self.bu_br_l4(self.merge_enc_dec_l4(first) + _doubled(x)))
        return _doubled(x)


def _enlarged(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def load_espnetv2(state: dict[str, Tensor]) -> ESPNetv2:
    """The network of a published state dict, its width and classes those of the tensors, in evaluation mode."""
    channels = len(state["base_net.level4_0.act.weight"])
    width = next(width for width, widths in WIDTHS.items() if widths[3] == channels)
    net = ESPNetv2(width, len(state["bu_dec_l4.merge_layer.3.weight"]))
    net.load_state_dict(state)
    return net.eval()
