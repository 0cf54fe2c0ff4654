"""Head for the class of the whole image."""

from collections.abc import Sequence

from torch import Tensor, nn

from mtzoo.layers import ConvBNAct, GlobalMean
from mtzoo.models.heads.select import select_levels
from mtzoo.registry import NODES
from mtzoo.structures import FeatureSpec


@NODES.register_module()
class ClassificationHead(nn.Module):
    """The mean of one feature over the map, then a linear layer (arXiv 1312.4400): features -> `{"logits": (N, K, 1, 1)}`.

    Args:
        in_specs: The features.
        num_classes: K.
        strides: The stride of the feature to read.
        channels: The width of a 1x1 convolution in front of the mean. 0: none.
    """

    KIND = "classification"

    def __init__(self, in_specs: Sequence[FeatureSpec], *, num_classes: int, strides: Sequence[int] = (32,),
                 channels: int = 128) -> None:
        super().__init__()
        if len(strides) != 1:
            raise ValueError(f"strides={list(strides)}: expected one stride")
        (self.picked,), (spec,) = select_levels(in_specs, strides)
        self.expand = ConvBNAct(spec.channels, channels, 1) if channels else None
        self.mean = GlobalMean()
        self.classify = ConvBNAct(channels or spec.channels, num_classes, 1, activation="none", bn=False, output="accumulator")
        nn.init.normal_(self.classify.conv.weight, std=0.01)
        nn.init.zeros_(self.classify.conv.bias)

    def forward(self, features: Sequence[Tensor]) -> dict[str, Tensor]:
        x = features[self.picked]
        if self.expand is not None:
            x = self.expand(x)
        return {"logits": self.classify(self.mean(x))}
