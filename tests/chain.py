"""A network that is a chain of given layers: what one leaf does, alone."""

import torch
from torch import Tensor, nn

from mtzoo.layers import ConvBNAct, normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from tests.quantization.helpers import images, randomize

GEOMETRY = DeployGeometry(resized_hw=(64, 96), drop_top=0, input_hw=(64, 96))


class Chain(nn.Module):
    """layers, the first of which reads the image, then a classifier: {"logits": (N, 2, H', W')}."""

    def __init__(self, *layers: nn.Module, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.classify = ConvBNAct(channels, 2, 1, activation="none", bn=False, output="accumulator")

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"logits": self.classify(self.layers(image))}


def chain(*layers: nn.Module) -> MultiTaskNet:
    """The float network, BN live, its statistics those of `images()`; module paths are "nodes.chain.layers.0" ..."""
    torch.manual_seed(0)
    node = Chain(*layers, channels=layers[-1].conv.out_channels)
    net = MultiTaskNet({"chain": node}, {"chain": ("image",)}, {"seg": "chain"}, {"chain": ("seg",)})
    randomize(net, normalize_image(images()))
    return net.eval()


def folded_chain(*layers: nn.Module) -> MultiTaskNet:
    """The same as steps 2 and 3 have it: BN folded, everything on its grid."""
    net = chain(*layers)
    prepare(net)
    calibrate(net, [normalize_image(images())])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    return net
