"""A tiny network as training leaves it: BN statistics that fit, affines that moved."""

import pytest
import torch
from torch import Tensor

from mtzoo.models import MultiTaskNet, build_network
from tests.quantization.helpers import images, randomize
from tests.tiny import tiny_graphs


@pytest.fixture
def x() -> Tensor:
    return (images().float() - 128) / 128


@pytest.fixture
def net(x: Tensor) -> MultiTaskNet:
    torch.manual_seed(0)
    net = build_network(tiny_graphs())
    randomize(net, x)
    return net
