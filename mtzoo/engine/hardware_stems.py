"""The first layers that `mtzoo hardware` measures: convolutions that read the image."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtzoo.engine.hardware_chains import depthwise, probe_network
from mtzoo.layers import ConvBNAct
from mtzoo.models import MultiTaskNet

IMAGE_HW = (512, 960)
"""Of the image."""


@dataclass(frozen=True)
class Stem:
    """A convolution of an image to `channels`."""

    channels: int
    kernel: int
    stride: int

    @property
    def padding(self) -> int:
        """Zeros around the image; a patch, whose pixels are read once, needs none."""
        return 0 if self.kernel == self.stride else self.kernel // 2

    @property
    def made(self) -> int:
        """Values that it writes for an image of IMAGE_HW."""
        return self.channels * (IMAGE_HW[0] // self.stride) * (IMAGE_HW[1] // self.stride)

    @property
    def macs(self) -> int:
        """Its multiply-accumulates for an image of IMAGE_HW."""
        return 3 * self.kernel**2 * self.made


STEMS = {
    "3x3, stride 2, to 16": Stem(16, 3, 2),
    "3x3, stride 2, to 32": Stem(32, 3, 2),
    "3x3, stride 2, to 64": Stem(64, 3, 2),
    "4x4 patches, to 32": Stem(32, 4, 4),
    "4x4 patches, to 48": Stem(48, 4, 4),
    "7x7, stride 2, to 64": Stem(64, 7, 2),
    "3x3, stride 1, to 16": Stem(16, 3, 1),
}
"""Those of VarGNetV2, MobileNetV2 (and ResNet-vd, STDC), HRNet (and BiSeNetV2), RepNet, ResNet; and one at full size, as UNet's, but
narrower, to be measured fast."""


class StemProbe(nn.Module):
    """Image -> stem -> 3x3 depthwise convolution of stride 32 -> {"out": small map}.

    The last one reads a hundredth of the values: the stem writes its map as it does in a network, and hardly anything is done with it.
    """

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.stem = ConvBNAct(3, stem.channels, stem.kernel, stride=stem.stride, padding=stem.padding)
        self.last = depthwise(stem.channels, stride=32)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"out": self.last(self.stem(image))}


def stem_network(stem: Stem) -> MultiTaskNet:
    """A stem as a float network of random weights, the same in each call, without BN."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return probe_network(StemProbe(stem))
