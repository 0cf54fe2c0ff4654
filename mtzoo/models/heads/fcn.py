"""The usual segmentation head: a few convolutions and a classifier (fully convolutional networks, arXiv 1411.4038)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtzoo.models.blocks import SeparableConv, conv_bn_relu, one_feature
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class FCNHead(nn.Module):
    """Convolutions and a classifier (FCN, arXiv 1411.4038): one feature (N, C, H/s, W/s) -> `{"logits": (N, K, H/s, W/s)}`.

    Args:
        in_specs: The feature.
        num_classes: K.
        channels: Channels of the convolutions. None: as many as the feature has.
        depth: Convolutions before the classifier.
        kernel_size: Their kernel.
        separable: Whether they are depthwise 3x3, each with a 1x1 convolution.
        concat_input: Add a convolution that reads the feature and the result of the others.
        classifier_kernel: The kernel of the classifier.
        classifier_bias: Whether the classifier has a bias.
        pixel_shuffle: The classifier gives the logits of this many rows and columns of pixels in each cell (arXiv 1609.05158). As
            integers, they have 8 bits and one scale.
    """

    KIND = "segmentation"

    def __init__(self, in_specs: Sequence[FeatureSpec], *, num_classes: int, channels: int | None = None, depth: int = 1,
                 kernel_size: int = 3, separable: bool = False, concat_input: bool = False, classifier_kernel: int = 1,
                 classifier_bias: bool = True, pixel_shuffle: int = 1) -> None:
        super().__init__()
        width = one_feature(in_specs).channels
        hidden = channels or width
        self.convs = nn.Sequential()
        for _ in range(depth):
            self.convs.append(SeparableConv(width, hidden) if separable else conv_bn_relu(width, hidden, kernel_size))
            width = hidden
        self.join = conv_bn_relu(one_feature(in_specs).channels + width, width, kernel_size) if concat_input else None
        self.classifier = nn.Conv2d(width, num_classes * pixel_shuffle**2, classifier_kernel, padding=classifier_kernel // 2,
                                    bias=classifier_bias)
        self.shuffle = nn.PixelShuffle(pixel_shuffle) if pixel_shuffle > 1 else nn.Identity()

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        x = self.convs(features[0])
        if self.join is not None:
            x = self.join(torch.cat([features[0], x], dim=1))
        return {"logits": self.shuffle(self.classifier(x))}
