"""Every operator of the table: what becomes of it, and that it computes the same."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import Leaf
from mtzoo.lowering import lower
from mtzoo.lowering.operators import OPERATORS
from tests.lowering.parity import assert_close, trained


class Small(nn.Module):
    """function(modules, y, x) of y = conv(x), 8 channels at half the size, and the image x."""

    def __init__(self, function, modules):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        for name, module in modules.items():
            self.add_module(name, module)
        self.function = function

    def forward(self, x):
        return self.function(self, self.conv(x), x)


CASES = [
    ("conv with padding as a word", lambda m, y, x: m.c(y), {"c": nn.Conv2d(8, 4, (2, 3), padding="same", dilation=2)}, "ConvBNAct"),
    ("padding in front of a conv", lambda m, y, x: m.c(F.pad(y, (0, 1, 2, 3))), {"c": nn.Conv2d(8, 4, 3, stride=2)}, "ConvBNAct"),
    ("zero pad module", lambda m, y, x: m.c(m.p(y)), {"p": nn.ZeroPad2d((1, 0, 1, 0)), "c": nn.Conv2d(8, 4, 2)}, "ConvBNAct"),
    ("transposed conv", lambda m, y, x: m.t(y), {"t": nn.ConvTranspose2d(8, 6, 3, 2, 1, 1, 2)}, "ZeroInsert ConvBNAct"),
    ("transposed conv, stride 1", lambda m, y, x: m.t(y), {"t": nn.ConvTranspose2d(8, 4, (2, 3), dilation=2)}, "ConvBNAct"),
    ("transposed conv and BN", lambda m, y, x: F.relu(m.b(m.t(y))), {"t": nn.ConvTranspose2d(8, 6, 2, 2), "b": nn.BatchNorm2d(6)},
     "ZeroInsert ConvBNAct"),
    ("conv with bias and BN", lambda m, y, x: m.b(m.c(y)), {"c": nn.Conv2d(8, 4, 1), "b": nn.BatchNorm2d(4)}, "ConvBNAct"),
    ("transposed conv to the size of the image", lambda m, y, x: m.t(y, output_size=x.shape[-2:]),
     {"t": nn.ConvTranspose2d(8, 6, 3, 2, 1)}, "ZeroInsert ConvBNAct"),
    ("BN alone", lambda m, y, x: F.relu(m.b(F.max_pool2d(y, 2))), {"b": nn.BatchNorm2d(8)}, "MaxPool ConvBNAct"),
    ("BN without scale", lambda m, y, x: m.b(y), {"b": nn.BatchNorm2d(8, affine=False)}, ""),
    ("functional conv", lambda m, y, x: F.conv2d(y, m.c.weight * 2, stride=2), {"c": nn.Conv2d(8, 4, 3)}, "ConvBNAct"),
    ("functional BN", lambda m, y, x: F.batch_norm(y, m.b.running_mean, m.b.running_var, m.b.weight, m.b.bias),
     {"b": nn.BatchNorm2d(8)}, ""),
    ("layer scale", lambda m, y, x: y * m.c.weight.view(1, 8, 1, 1), {"c": nn.Conv2d(1, 8, 1)}, "ConvBNAct"),
    ("learnt term", lambda m, y, x: m.c.bias.view(8, 1, 1) + y, {"c": nn.Conv2d(1, 8, 1)}, "ConvBNAct"),
    ("normalised by buffers", lambda m, y, x: (y - m.b.running_mean.view(8, 1, 1)) / m.b.running_var.view(1, 8, 1, 1),
     {"b": nn.BatchNorm2d(8)}, "ConvBNAct ConvBNAct"),
    ("constants made in the forward", lambda m, y, x: y * torch.linspace(0.5, 2, 8).view(8, 1, 1) + torch.tensor(0.5), {},
     "ConvBNAct ConvBNAct"),
    ("one learnt factor", lambda m, y, x: y * m.p.weight, {"p": nn.PReLU()}, "ConvBNAct"),
    ("learnt slopes", lambda m, y, x: m.p(y), {"p": nn.PReLU(8, init=0.3)}, "ConvBNAct ConvBNAct"),
    ("one learnt slope", lambda m, y, x: F.prelu(F.max_pool2d(y, 2), m.p.weight), {"p": nn.PReLU()}, "MaxPool ConvBNAct ConvBNAct"),
    ("linear", lambda m, y, x: m.l(torch.flatten(F.adaptive_avg_pool2d(y, 1), 1)), {"l": nn.Linear(8, 5)}, "GlobalMean ConvBNAct"),
    ("BN of vectors", lambda m, y, x: m.b(m.l(y.mean((2, 3)))), {"l": nn.Linear(8, 5), "b": nn.BatchNorm1d(5)}, "GlobalMean ConvBNAct"),
    ("SE by linear layers", lambda m, y, x: y * torch.sigmoid(m.l(y.mean([2, 3]))).view(2, 8, 1, 1), {"l": nn.Linear(8, 8)},
     "GlobalMean ConvBNAct Table Product"),
    ("SE by slices", lambda m, y, x: y * m.l(y.view(2, 8, -1).mean(-1)).sigmoid()[:, :, None, None], {"l": nn.Linear(8, 8)},
     "GlobalMean ConvBNAct Table Product"),
    ("expanded gate", lambda m, y, x: m.c(y.mean((2, 3), True)).expand_as(y) * y, {"c": nn.Conv2d(8, 8, 1)},
     "GlobalMean ConvBNAct Product"),
    ("one cell expanded beside a map", lambda m, y, x: torch.cat([y, y.mean((2, 3), True).expand(-1, -1, *y.shape[2:])], 1), {},
     "GlobalMean Spread Concat"),
    ("a convolution of one cell expanded", lambda m, y, x: m.c(y.mean((2, 3), True).expand_as(y)), {"c": nn.Conv2d(8, 8, 3, padding=1)},
     "GlobalMean Spread ConvBNAct"),
    ("a sum of two cells expanded", lambda m, y, x: y.mean((2, 3), True).expand_as(y) + m.c(y.mean((2, 3), True)).expand_as(y),
     {"c": nn.Conv2d(8, 8, 1)}, "GlobalMean GlobalMean ConvBNAct Spread Spread Sum"),
    ("a place expanded to all channels", lambda m, y, x: y * m.c(y).sigmoid().expand_as(y), {"c": nn.Conv2d(8, 1, 1)},
     "ConvBNAct Table Product"),
    ("relu alone", lambda m, y, x: F.relu(F.max_pool2d(y, 3, 2, 1)), {}, "MaxPool Rescale"),
    ("relu of a sum", lambda m, y, x: F.relu(F.max_pool2d(y, 3, 1, 1) + F.avg_pool2d(y, 3, 1, 1)), {}, "MaxPool AvgPool Sum"),
    ("a sum of three", lambda m, y, x: F.max_pool2d(y, 3, 1, 1) + F.avg_pool2d(y, 3, 1, 1) + y, {}, "MaxPool AvgPool Sum"),
    ("clamp", lambda m, y, x: y.clamp(0, 6) + y.clamp(min=0), {}, "Rescale Rescale Sum"),
    ("difference", lambda m, y, x: F.max_pool2d(y, 3, 1, 1) - y, {}, "MaxPool ConvBNAct Sum"),
    ("difference the other way", lambda m, y, x: torch.rsub(F.max_pool2d(y, 3, 1, 1), y), {}, "MaxPool ConvBNAct Sum"),
    ("a number less a map", lambda m, y, x: torch.rsub(y, 1), {}, "ConvBNAct"),
    ("dimensions by NumPy's names", lambda m, y, x: torch.cat([y, y.mean(axis=(2, 3), keepdims=True) * y], axis=1), {},
     "GlobalMean Product Concat"),
    ("constants", lambda m, y, x: (2 * y + 1) / 4 - 3, {}, "ConvBNAct"),
    ("written SiLU", lambda m, y, x: y * y.sigmoid(), {}, "Table"),
    ("written hard-swish", lambda m, y, x: y * F.relu6(y + 3) / 6, {}, "Table"),
    ("written hard-swish, divided first", lambda m, y, x: F.relu6(y + 3.0, inplace=True) / 6.0 * y, {}, "Table"),
    ("written hard sigmoid", lambda m, y, x: F.relu6(y + 3).mul(1 / 6), {}, "Table"),
    ("not quite hard-swish", lambda m, y, x: y * F.relu6(y + 2) / 6, {}, "ConvBNAct Rescale Product ConvBNAct"),
    ("blend", lambda m, y, x: (lambda a: y * a + F.max_pool2d(y, 3, 1, 1) * (1 - a))(torch.sigmoid(m.c(y))), {"c": nn.Conv2d(8, 8, 1)},
     "MaxPool ConvBNAct Table Mix"),
    ("a sum with weights of any size", lambda m, y, x: (lambda a: y * a + F.max_pool2d(y, 3, 1, 1) * (1 - a))(F.relu(m.c(y))),
     {"c": nn.Conv2d(8, 8, 1)}, "MaxPool ConvBNAct Product ConvBNAct Product Sum"),
    ("blend by an enlarged gate", lambda m, y, x: (lambda a: y * a + F.max_pool2d(y, 3, 1, 1) * (1 - a))(
        F.interpolate(torch.sigmoid(m.c(y)), scale_factor=2)), {"c": nn.Conv2d(8, 8, 3, 2, 1)},
     "MaxPool ConvBNAct Table UpsampleNearest Mix"),
    ("average pool of all", lambda m, y, x: F.avg_pool2d(y, (16, 24)), {}, "GlobalMean"),
    ("average pool", lambda m, y, x: m.p(y), {"p": nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)}, "AvgPool"),
    ("padded max pool", lambda m, y, x: F.max_pool2d(F.pad(y, (0, 1, 0, 1), value=float("-inf")), 3, 2), {}, "MaxPool"),
    ("max pool over zeros", lambda m, y, x: F.max_pool2d(F.pad(y, (0, 2, 1, 0)), 2, 1), {}, "ConvBNAct MaxPool"),
    ("max pool over zeros around a ReLU", lambda m, y, x: F.max_pool2d(F.pad(F.relu(y), (0, 1, 0, 1)), 2, 1), {}, "MaxPool"),
    ("bins", lambda m, y, x: m.p(y), {"p": nn.AdaptiveAvgPool2d((2, 3))}, "BinMean"),
    ("as many bins as cells", lambda m, y, x: m.p(y), {"p": nn.AdaptiveAvgPool2d((16, None))}, ""),
    ("mean and max of channels", lambda m, y, x: torch.cat([y.mean(1, keepdim=True), y.max(dim=1, keepdim=True)[0]], 1), {},
     "ChannelMean ChannelMax Concat"),
    ("max by name", lambda m, y, x: torch.max(y, 1, keepdim=True).values + torch.amax(y, 1, keepdim=True), {},
     "ChannelMax ChannelMax Sum"),
    ("every second cell", lambda m, y, x: y[:, 2:6, ::2, ::2], {}, "MaxPool Slice"),
    ("last channels", lambda m, y, x: y[:, -3:] + y.narrow(1, 0, 3), {}, "Slice Slice Sum"),
    ("chunks", lambda m, y, x: torch.cat(y.chunk(4, dim=1)[::-1], dim=1), {}, "Chunk Chunk Chunk Chunk Concat"),
    ("unequal split", lambda m, y, x: torch.cat(torch.split(y, [3, 5], 1)[::-1], 1), {}, "Slice Slice Concat"),
    ("one of two parts", lambda m, y, x: torch.split(y, 4, dim=1)[1], {}, "Chunk"),
    ("shuffle", lambda m, y, x: m.s(y), {"s": nn.ChannelShuffle(4)}, "Shuffle"),
    ("written shuffle", lambda m, y, x: y.reshape(2, 4, 2, 16, 24).permute(0, 2, 1, 3, 4).flatten(1, 2), {}, "Shuffle"),
    ("pixel shuffle", lambda m, y, x: m.s(y), {"s": nn.PixelShuffle(2)}, "PixelShuffle"),
    ("nearest by 3", lambda m, y, x: F.interpolate(y, scale_factor=3), {}, "UpsampleNearest"),
    ("upsample module", lambda m, y, x: m.u(y), {"u": nn.Upsample(scale_factor=4, mode="bilinear")}, "UpsampleBilinear"),
    ("aligned corners", lambda m, y, x: F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True), {}, "Enlarge"),
    ("to the size of another", lambda m, y, x: F.interpolate(m.c(y), size=y.shape[-2:], mode="bilinear") + y, {"c": nn.Conv2d(8, 8, 5)},
     "ConvBNAct Enlarge Sum"),
    ("to a given size", lambda m, y, x: F.interpolate(y, size=(21, 31), mode="bilinear"), {}, "Enlarge"),
    ("one cell to a map", lambda m, y, x: torch.cat([y, F.interpolate(y.mean((2, 3), True), y.shape[2:], mode="bilinear")], 1), {},
     "GlobalMean Spread Concat"),
    ("gone in use", lambda m, y, x: m.d(F.dropout(m.i(y).contiguous().clone(), 0.5, m.training)),
     {"d": nn.Dropout2d(), "i": nn.Identity()}, ""),
    *[(name, lambda m, y, x: m.a(m.b(y)), {"a": module, "b": nn.BatchNorm2d(8)}, "Table") for name, module in {
        "SiLU": nn.SiLU(), "Sigmoid": nn.Sigmoid(), "Tanh": nn.Tanh(), "Hardswish": nn.Hardswish(inplace=True), "Mish": nn.Mish(),
        "Hardsigmoid": nn.Hardsigmoid(), "GELU": nn.GELU(), "GELU tanh": nn.GELU("tanh"), "ELU": nn.ELU(), "Softplus": nn.Softplus(),
        "LeakyReLU": nn.LeakyReLU(), "LeakyReLU 0.1": nn.LeakyReLU(0.1)}.items()],
    ("Hardtanh", lambda m, y, x: m.a(y), {"a": nn.Hardtanh(0, 6)}, ""),
]


@pytest.mark.parametrize(("function", "modules", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_operator_becomes_its_leaves_and_computes_the_same(function, modules, wanted):
    """wanted: the leaves behind the first convolution, in order of execution."""
    module = trained(Small(function, modules))
    net = lower(module, example_hw=(32, 48))
    assert_close(net, module, torch.randn(2, 3, 32, 48))
    kinds = [type(net.get_submodule(run.path)).__name__ for run in net.runs]
    assert sorted(kinds) == sorted(["ConvBNAct", *wanted.split()])


def test_the_gate_of_a_product_stands_last():
    net = lower(trained(Small(*CASES[[case[0] for case in CASES].index("expanded gate")][1:3])), example_hw=(32, 48))
    assert net.runs[-1].inputs == ("conv", "c")


def test_the_size_of_another_map_is_followed_at_other_sizes():
    module = trained(Small(*CASES[[case[0] for case in CASES].index("to the size of another")][1:3]))
    net = lower(module, example_hw=(32, 48))
    assert_close(net, module, torch.randn(1, 3, 50, 70))


@pytest.mark.parametrize("function", [
    lambda m, y, x: F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True),
    lambda m, y, x: F.interpolate(y, scale_factor=(3, 1.5), mode="bilinear"),
    lambda m, y, x: F.adaptive_avg_pool2d(y, (None, 1)) * y,
    lambda m, y, x: torch.cat([y, y.mean((2, 3), True).expand_as(y)], 1)],
    ids=["aligned corners", "by any factor", "means of rows", "one cell expanded"])
def test_sizes_follow_those_of_the_image(function):
    module = trained(Small(function, {}))
    net = lower(module, example_hw=(32, 48))
    assert_close(net, module, torch.randn(1, 3, 72, 56))


def test_the_table_names_operators_that_are_there():
    """A typing error in a name of a tensor method would never be found by a lookup."""
    names = [key for key in OPERATORS if isinstance(key, str) and "." not in key]
    assert [name for name in names if not hasattr(torch.Tensor, name)] == []
    assert all(isinstance(leaf, type) and issubclass(leaf, nn.Module) or callable(leaf) or isinstance(leaf, str) for leaf in OPERATORS)
    assert not any(isinstance(key, type) and issubclass(key, Leaf) for key in OPERATORS)
