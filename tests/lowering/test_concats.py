import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import Leaf
from mtzoo.lowering import lower
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from tests.lowering.parity import assert_close, lowered_parity, trained


class Pyramid(nn.Module):
    """Convolutions without BN, each added to the one before, joined, then BN: ESPNetv2's unit."""

    def __init__(self, maps=3, relu=True, again=False):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 4 + 2 * i, 3, padding=1, bias=bool(i)) for i in range(maps))
        self.bn = nn.BatchNorm2d(sum(conv.out_channels for conv in self.convs))
        self.relu, self.again = relu, again

    def forward(self, x):
        joined = torch.cat([conv(x) for conv in self.convs], 1)
        y = self.bn(joined)
        y = F.relu(y) if self.relu else y
        return y + joined if self.again else y


class Head(nn.Module):
    """The same as a dict of outputs."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return {"logits": self.inner(x)}


def leaves(net):
    return {path: type(module).__name__ for path, module in net.named_modules() if isinstance(module, Leaf)}


@pytest.mark.parametrize("relu", [True, False])
def test_bn_and_relu_join_the_convolutions_before_the_concat(relu):
    net = lowered_parity(trained(Pyramid(relu=relu)))
    assert leaves(net) == {"convs.0": "ConvBNAct", "convs.1": "ConvBNAct", "convs.2": "ConvBNAct",
                           "relu" if relu else "bn": "Concat"}
    assert [net.get_submodule(f"convs.{i}").activation for i in range(3)] == \
        ["relu" if relu else "none"] * 3


def test_names_of_the_parts_are_none_of_other_modules():
    class Named(Pyramid):
        def __init__(self):
            super().__init__()
            self.bn_0, self.bn_1 = nn.BatchNorm2d(18), nn.BatchNorm2d(18)

        def forward(self, x):
            return self.bn_1(F.avg_pool2d(self.bn_0(F.avg_pool2d(super().forward(x), 2)), 2))

    lowered_parity(trained(Named()))


@pytest.mark.parametrize("module", [Pyramid(maps=5), Pyramid(again=True)], ids=["many maps", "read twice"])
def test_others_stay_behind_the_concat(module):
    net = lowered_parity(trained(module))
    assert sorted(leaves(net).values()).count("Concat") == 1
    assert net.get_submodule("bn").bn.num_features == module.bn.num_features


def test_statistics_in_training_and_published_names_are_those_of_the_whole():
    module = trained(Pyramid())
    net = lower(module)
    net.train()
    module.train()
    x = torch.randn(4, 3, 16, 16)
    net(x)
    module(x)
    assert_close(net.eval(), module.eval(), torch.randn(2, 3, 16, 16))
    assert {own: name for own, name in net.published.items() if name == "bn.weight"} == dict.fromkeys(
        (f"convs.{i}.bn.weight" for i in range(3)), "bn.weight")
    other = trained(Pyramid(), seed=5)
    net.load_published(other.state_dict())
    assert_close(net, other, torch.randn(2, 3, 16, 16))


@torch.no_grad()
def test_maps_of_different_ranges_keep_their_bits():
    module = trained(Pyramid())
    for conv, factor in zip(module.convs, (1.0, 1 / 64, 1 / 1024)):
        conv.weight *= factor
        if conv.bias is not None:
            conv.bias *= factor
    x = torch.randint(-128, 128, (2, 3, 32, 32)) / 128
    joined = torch.cat([conv(x) for conv in module.convs], 1)
    module.bn.running_mean.copy_(joined.mean((0, 2, 3)))
    module.bn.running_var.copy_(joined.var((0, 2, 3)))
    wanted = module(x)
    net = MultiTaskNet({"net": lower(Head(module))}, {"net": ("image",)}, {"seg": "net"}, {"net": ("seg",)}).eval()
    prepare(net)
    calibrate(net, [x])
    fold_bn(net, ["*"])
    freeze(net)
    error = (net(x)["seg"]["logits"] - wanted).abs().amax((0, 2, 3))
    assert float(error.max()) < 0.02 * float(wanted.max())
