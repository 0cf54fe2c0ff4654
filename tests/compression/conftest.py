"""A tiny network with its BN folded, and normalised images; networks with BN that counts for something."""

from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from torch import Tensor

from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.quantization import fold_bn
from tests.quantization.helpers import images, randomize
from tests.tiny import tiny_graphs


@pytest.fixture
def batches() -> list[Tensor]:
    return [normalize_image(images(2, seed)) for seed in range(3)]


@pytest.fixture
def folded(batches: list[Tensor]) -> MultiTaskNet:
    torch.manual_seed(0)
    net = build_network(tiny_graphs())
    randomize(net, batches[0])
    fold_bn(net, ["nodes.*"])
    return net.eval()


@pytest.fixture
def wide_net(batches: list[Tensor]) -> Callable[[Mapping[str, Sequence[NodeSpec]]], MultiTaskNet]:
    """Specs -> a float network with live BN, the same one each time."""

    def make(graphs: Mapping[str, Sequence[NodeSpec]]) -> MultiTaskNet:
        torch.manual_seed(0)
        net = build_network(graphs)
        randomize(net, batches[0])
        return net.eval()

    return make
