"""The input of published networks, folded into their first convolution.

Published classifiers read RGB / 255, less a mean and divided by a standard deviation. Networks here read u = (x - 128) / 128 of BGR.
One is an affine function of the other in each channel, p = scale * u + shift, so the first convolution takes it up:
W p = (W scale) u + W shift. At the border the two differ: a published network pads with the mean colour, this one with grey 128.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.layers import ConvBNAct
from mtzoo.lowering.lowered import Lowered


@dataclass(frozen=True)
class Preprocessing:
    """What a published network reads: (x / 255 - mean) / std of each channel, in RGB order or BGR."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_rgb: bool = True

    def affine(self) -> tuple[Tensor, Tensor]:
        """(scale, shift), float64, (3,) in BGR order: what the network reads is scale * u + shift, u = (x - 128) / 128."""
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (self.mean, self.std))
        scale, shift = 128 / 255 / std, (128 / 255 - mean) / std
        return (scale.flip(0), shift.flip(0)) if self.is_rgb else (scale, shift)


IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def preprocessing(mean: Sequence[float], std: Sequence[float]) -> Preprocessing:
    """Of RGB images, from a library's own description."""
    return Preprocessing(tuple(map(float, mean)), tuple(map(float, std)))


@torch.no_grad()
def fold_preprocessing(net: Lowered, reads: Preprocessing) -> None:
    """Change the weights of `net`, which reads published images, so that it reads (x - 128) / 128 of BGR instead.

    Raises UserError if anything but convolutions reads the image.
    """
    image = net.inputs[0]
    first = [(run.path, net.get_submodule(run.path)) for run in net.runs if image in run.inputs]
    for path, leaf in first:
        if not isinstance(leaf, ConvBNAct) or leaf.conv.weight.shape[1] != len(reads.mean):
            raise UserError(f"module '{path}' reads the image and is not a convolution of {len(reads.mean)} channels in one group: "
                            "mean and standard deviation cannot be folded into it; start without published weights")
    for _, leaf in first:
        fold_into(leaf, reads)


@torch.no_grad()
def fold_into(leaf: ConvBNAct, reads: Preprocessing) -> None:
    """The same of one convolution that reads the image."""
    scale, shift = reads.affine()
    weight = leaf.conv.weight.double()
    if reads.is_rgb:
        weight = weight.flip(1)
    moved = weight.sum((2, 3)) @ shift  # (C_out,): what the shift adds to every sum
    leaf.conv.weight.copy_(weight * scale[:, None, None])
    if leaf.bn is not None:
        leaf.bn.running_mean.copy_(leaf.bn.running_mean.double() - moved)
    else:
        leaf.conv.bias.copy_(leaf.conv.bias.double() + moved)
