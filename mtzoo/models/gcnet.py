"""GCNet (arXiv 1904.11492): what the whole map says, added to every place of it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtzoo.layers import SoftmaxMean
from mtzoo.models.blocks import conv_bn_relu, one_feature
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


class GlobalContext(nn.Module):
    """(N, C, H, W) -> the same: a mean of all places, weighted by a softmax over a learnt map, is transformed and added to each place.

    ratio: of the transform's hidden channels. The paper has LayerNorm there, which has no exact integer form; here it is BN, over the
    images of a batch: trained with more than one image at a time.
    """

    def __init__(self, channels: int, ratio: float = 0.25) -> None:
        super().__init__()
        hidden = int(channels * ratio)
        if hidden < 1:
            raise ValueError(f"ratio={ratio:g} of {channels} channels: expected 1 channel at least")
        self.scores = nn.Conv2d(channels, 1, 1)
        self.mean = SoftmaxMean()
        self.transform = nn.Sequential(conv_bn_relu(channels, hidden), nn.Conv2d(hidden, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.transform(self.mean(x, self.scores(x)))


@NODES.register_module()
class GlobalContextNeck(nn.Module):
    """The head of GCNet (arXiv 1904.11492) without its classifier: one feature -> `context` of the same stride.

    A 3x3 convolution, the global context, a 3x3 convolution, and a third that also reads the feature itself.

    Args:
        in_specs: The feature.
        channels: Channels of each convolution.
        ratio: Hidden channels of the context's transform, relative to `channels`.
    """

    def __init__(self, in_specs: Sequence[FeatureSpec], *, channels: int = 512, ratio: float = 0.25) -> None:
        super().__init__()
        spec = one_feature(in_specs)
        self.before = conv_bn_relu(spec.channels, channels, 3)
        self.context = GlobalContext(channels, ratio)
        self.after = conv_bn_relu(channels, channels, 3)
        self.join = conv_bn_relu(spec.channels + channels, channels, 3)
        self.out_specs = [FeatureSpec(channels, spec.stride, "context")]

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        x = features[0]
        y = self.after(self.context(self.before(x)))
        return [self.join(torch.cat([x, y], dim=1))]
