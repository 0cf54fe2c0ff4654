"""Factors that run through a whole network: sums, skips, concatenation, pools, and PReLUs."""

import copy

import pytest
import torch
from torch import nn

from mtzoo.compression import Corrections, quantize
from mtzoo.compression.equalize_network import equalize_network, factor_sets, map_ranges
from mtzoo.errors import UserError
from mtzoo.graph import read_program
from mtzoo.layers import AvgPool, Concat, ConvBNAct, Product, Sum, Table
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.quantization import QConfigMap, prepare
from tests.quantization.helpers import differing, outputs
from tests.tiny import tiny_graphs

SPREAD = torch.exp2(-(torch.arange(8) % 8).float())
"""Ranges of the channels of one map: 1 ... 1/128."""


class Branches(nn.Module):
    """A PReLU as lowering writes it, a pool, a join and a gate between convolutions, whose channels have very different ranges."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ConvBNAct(3, 8, 3, activation="none", bn=False)
        self.negative = ConvBNAct(8, 8, 1, groups=8, bn=False, weight=-torch.ones(8))
        self.prelu = ConvBNAct(8, 8, 1, groups=8, activation="none", bn=False, weight=torch.full((8,), 0.5))
        self.pool, self.join, self.sum, self.product = AvgPool(3, stride=1, padding=1), Concat(), Sum(), Product()
        self.depthwise = ConvBNAct(8, 8, 3, groups=8, activation="none", bn=False)
        self.to_gate, self.gate = ConvBNAct(8, 16, 1, activation="none", bn=False), Table("sigmoid")
        self.last = ConvBNAct(16, 2, 1, activation="none", bn=False, output="accumulator")
        with torch.no_grad():
            self.first.conv.weight *= SPREAD.view(-1, 1, 1, 1)
            self.last.conv.weight /= SPREAD.repeat(2).view(1, -1, 1, 1)

    def forward(self, image):
        x = self.first(image)
        x = self.prelu(self.negative(x), x)
        y = self.join(self.sum(self.depthwise(x), x), self.pool(x))
        return {"logits": self.last(self.product(y, self.gate(self.to_gate(x))))}


@pytest.fixture
def branches():
    torch.manual_seed(0)
    return MultiTaskNet({"net": Branches()}, {"net": ("image",)}, {"seg": "net"}, {"net": ("seg",)}).eval()


def of(sets, name):
    return sets[f"nodes.net.{name}"].tolist()


def test_what_has_one_factor(branches):
    sets, count = factor_sets(read_program(branches))
    first = of(sets, "first")
    assert len(set(first)) == 8
    assert of(sets, "prelu") == first  # x is its skip
    assert not set(of(sets, "negative")) & set(first)  # a convolution of its own
    assert of(sets, "depthwise") == first  # the sum brings them together
    assert of(sets, "join") == first * 2
    assert of(sets, "product") == of(sets, "join")
    assert set(of(sets, "to_gate")) == set(of(sets, "last")) == {0}  # a sigmoid reads it; an output
    assert count == 1 + 8 + 8


def test_the_function_stays_bit_for_bit_and_ranges_come_together(branches, batches):
    before, spread = outputs(branches, batches[0]), map_ranges(branches, batches)["nodes.net.prelu"]
    assert equalize_network(branches, batches) > 8
    assert differing(before, outputs(branches, batches[0])) == 0
    after = map_ranges(branches, batches)["nodes.net.prelu"]
    assert spread.amax() / spread.amin() > 64
    assert after.amax() / after.amin() < 8


def test_rounding_loses_less(branches, batches):
    """Without it most channels have a few steps of the one scale of their map."""
    wanted = outputs(branches, batches[0])["seg.logits"]
    errors = {}
    for how in ("none", "network"):
        net = quantize(branches, QConfigMap(), batches, Corrections(equalize=how))
        errors[how] = float((outputs(net, batches[0])["seg.logits"] - wanted).square().mean())
    assert errors["network"] < errors["none"] / 10


def test_a_network_of_the_zoo_stays_bit_for_bit(folded, batches):
    net = copy.deepcopy(folded)
    assert equalize_network(net, batches) > 100
    assert differing(outputs(folded, batches[0]), outputs(net, batches[0])) == 0


def test_it_wants_a_folded_float_network(folded, batches):
    with pytest.raises(UserError, match="BN is folded"):
        equalize_network(build_network(tiny_graphs()), batches)
    prepare(folded)
    with pytest.raises(UserError, match="prepare it afterwards"):
        equalize_network(folded, batches)
