import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.errors import UserError
from mtzoo.graph.program import LeafTracer
from mtzoo.layers import ConvBNAct, Enlarge, Leaf
from mtzoo.lowering import lower
from tests.lowering.parity import assert_close, lowered_parity, trained


def leaves(net):
    return {path: type(module).__name__ for path, module in net.named_modules() if isinstance(module, Leaf)}


class Block(nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x))))))"""

    def __init__(self, channels, conv_is_first=True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv_is_first = conv_is_first

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + x if self.conv_is_first else x + y)


class Net(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.layer1 = nn.Sequential(Block(8, **options), Block(8, **options))
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.layer1(self.stem(x))
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize("conv_is_first", [True, False])
def test_conv_bn_skip_and_activation_are_one_leaf_at_the_path_of_the_conv(conv_is_first):
    net = lowered_parity(trained(Net(conv_is_first=conv_is_first)))
    assert leaves(net) == {"stem.0": "ConvBNAct", "layer1.0.conv1": "ConvBNAct", "layer1.0.conv2": "ConvBNAct",
                           "layer1.1.conv1": "ConvBNAct", "layer1.1.conv2": "ConvBNAct", "mean": "GlobalMean", "fc": "ConvBNAct"}
    assert [run.inputs for run in net.runs if run.path.endswith("conv2")] == [("layer1.0.conv1", "stem.0"),
                                                                              ("layer1.1.conv1", "layer1.0.conv2")]
    assert [net.get_submodule(path).activation for path in ("stem.0", "layer1.0.conv2", "fc")] == ["relu6", "relu", "none"]


def test_features_by_module_path_and_nothing_that_they_do_not_need():
    module = trained(Net())
    net = lower(module, features=["stem", "layer1.0"])
    assert "fc" not in leaves(net)
    assert "layer1.1.conv1" not in leaves(net)
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        stem = module.stem(x)
        for wanted, got in zip((stem, module.layer1[0](stem)), net(x), strict=True):
            torch.testing.assert_close(got, wanted)
    with pytest.raises(UserError, match="features: no module 'layer2' gives one map; did you mean 'layer1"):
        lower(module, features=["layer2"])


def test_what_another_reads_is_not_joined():
    """A feature between BN and ReLU, and a convolution whose result is read twice."""
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.bn(self.conv(x))
            return [y, F.relu(y), y + F.relu(y)]

    net = lowered_parity(trained(Twice()))
    assert leaves(net) == {"conv": "ConvBNAct", "relu": "Rescale", "relu_2": "Rescale", "add": "Sum"}


def test_an_operation_in_place_changes_what_was_kept_of_its_input():
    """As PyTorch does: a list that holds the map sees it after the ReLU."""
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            kept = [self.conv(x)]
            y = F.relu(kept[0], inplace=True)
            z = y + 1
            z += y
            return [*kept, z]

    lowered_parity(InPlace().eval())


def test_a_clone_is_kept_as_it_was():
    class Cloned(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.act = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)

        def forward(self, x):
            y = self.conv(x)
            before = y.clone()
            return self.act(y) + before

    lowered_parity(Cloned().eval())


def test_arguments_with_defaults_have_these():
    class Optional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x, mask=None, rectified=True):
            y = self.conv(x) if mask is None else self.conv(x) * mask
            return F.relu(y) if rectified else y

    assert leaves(lowered_parity(Optional().eval())) == {"conv": "ConvBNAct"}


def test_constants_of_the_module_are_not_learnt():
    """A filter that is no part of the state dict, a buffer that is, and a plain tensor."""
    class Blur(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.shift = nn.Conv2d(3, 4, 3, padding=1), torch.full((4, 1, 1), 0.3)
            self.register_buffer("filter", torch.rand(4, 1, 3, 3), persistent=False)
            self.register_buffer("scale", torch.rand(4, 1, 1))

        def forward(self, x):
            return F.conv2d(self.conv(x), self.filter, padding=1, groups=4) * self.scale + self.shift

    module, other = Blur().eval(), Blur()
    net = lowered_parity(module)
    learnt = {name: parameter.requires_grad for name, parameter in net.named_parameters()}
    constant = {"filter.conv.weight", "mul.conv.weight", "add.conv.weight", "add.conv.bias"}
    assert {name for name, is_learnt in learnt.items() if not is_learnt} == constant
    net.load_published(other.state_dict())
    module.load_state_dict(other.state_dict())
    assert_close(net, module, torch.randn(1, 3, 16, 24))


def test_parts_that_are_overwritten_may_be_joined():
    class Halves(nn.Module):
        def forward(self, x):
            one, other = torch.cat([x, -x], 1).chunk(2, 1)
            return torch.cat([F.relu(one, inplace=True), other], 1)

    lowered_parity(Halves().eval())


def test_the_lowered_network_is_traced_again_copied_and_trained():
    net = lower(trained(Net())).train()
    twin = copy.deepcopy(net)
    graph = LeafTracer().trace(twin)
    assert [n.target for n in graph.nodes if n.op == "call_module"] == [run.path for run in net.runs]
    twin(torch.randn(2, 3, 32, 32)).sum().backward()
    assert twin.get_submodule("layer1.0.conv1").conv.weight.grad.abs().sum() > 0
    assert net.get_submodule("layer1.0.conv1").conv.weight.grad is None
    assert not torch.equal(twin.get_submodule("stem.0").bn.running_mean, net.get_submodule("stem.0").bn.running_mean)


def test_a_leaf_of_the_library_in_an_ordinary_module_stays_what_it_is():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.unit, self.conv = ConvBNAct(3, 4, 3, stride=2), nn.Conv2d(4, 4, 1)
            self.adds, self.enlarge = ConvBNAct(4, 4, 3), Enlarge()

        def forward(self, x):
            y = self.unit(x, None)
            return self.enlarge(self.adds(x=y, skip=F.relu(self.conv(y))), like=x)

    module = trained(Mixed())
    net = lowered_parity(module)
    assert leaves(net) == {"unit": "ConvBNAct", "conv": "ConvBNAct", "adds": "ConvBNAct", "enlarge": "Enlarge"}
    assert net.published["unit.conv.weight"] == "unit.conv.weight"


def test_names_of_leaves_never_stand_below_a_leaf():
    class Norm(nn.Sequential):
        pass

    class Odd(nn.Module):
        """The activation of `a` is called a.act in `steps`, and a module has the name of an attribute."""

        def __init__(self):
            super().__init__()
            self.runs = nn.Conv2d(3, 4, 3)
            self.runs.act = nn.SiLU()

        def forward(self, x):
            return self.runs.act(self.runs(x))

    net = lowered_parity(Odd().eval())
    assert leaves(net) == {"runs_": "ConvBNAct", "runs__act": "Table"}


class Refused(nn.Module):
    def __init__(self, function, **modules):
        super().__init__()
        self.body = nn.Module()
        for name, module in modules.items():
            self.body.add_module(name, module)
        self.function = function

    def forward(self, x):
        return self.function(self.body, x)


@pytest.mark.parametrize(("module", "message"), [
    (nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4)), "module '1': GroupNorm divides by values of the image; use BatchNorm2d"),
    (nn.Sequential(nn.Conv2d(3, 4, 1), nn.Softmax(1)), "module '1': Softmax is attention; use convolutions, or a gate"),
    (nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")), "module '0': Conv2d pads with reflect"),
    (Refused(lambda body, x: torch.einsum("nchw,nchw->nhw", x, x)), "the network: einsum is attention"),
    (Refused(lambda body, x: x.flatten(1)), "the network: flatten reshapes in a way that is not a channel shuffle"),
    (Refused(lambda body, x: torch.fft.fft2(x).real), "the network: .*fft2 has no exact integer form here; use convolutions"),
    (Refused(lambda body, x: x / x.mean((2, 3), keepdim=True)), "the network: truediv by a map has no exact integer form"),
    (Refused(lambda body, x: x / torch.ones(1, 1, 384)), "the network: truediv of a map .* with weights .*: expected one value"),
    (Refused(lambda body, x: torch.div(x, 2, rounding_mode="floor")), "the network: div .*'rounding_mode': .* write it without"),
    (Refused(lambda body, x: (F.relu_(x[:, :2]), x)[1]), "the network: relu overwrites a part of a map that is read afterwards"),
    (Refused(lambda body, x: (x.narrow(1, 0, 2)[:, 1:].add_(1), x)[1]), "the network: add overwrites a part of a map that is read"),
    (Refused(lambda body, x: x.__setitem__(slice(2), x)), "module Refused: its forward assigns to a part of a map, x.* = y; join"),
    (Refused(lambda body, x: F.leaky_relu(x, 0.3)), "the network: function='leaky_relu_0.3': expected one of"),
    (Refused(lambda body, x: x[:, [2, 1, 0]]), r"the network: getitem takes \[:, \[2, 1, 0\], :, :\] of a map .*: expected ranges of"),
    (Refused(lambda body, x: x[..., 1:-1]), "the network: getitem cuts cells 1:-1 out of 384: expected every n-th cell from the first"),
    (Refused(lambda body, x: torch.max(x, -x)), "the network: max of two maps has no exact integer form here"),
    (Refused(lambda body, x: F.avg_pool2d(x, (x.shape[2], 1))), "the network: avg_pool2d has a window .*; use AdaptiveAvgPool2d"),
    (Refused(lambda body, x: F.interpolate(x, scale_factor=1.01, mode="bilinear")),
     "the network: interpolate by 1.01 makes no whole number of cells of a map of 256x384; give the size"),
    (Refused(lambda body, x: body.conv(x.mean((2, 3), True).expand(2, 3, 8, 8)), conv=nn.Conv2d(3, 3, 3)),
     "module 'body.conv': Conv2d reads an expanded map: expand a map of one cell to the size of another"),
    (Refused(lambda body, x: F.interpolate(x, scale_factor=1.5)), "the network: interpolate from .* the factor is not a whole number"),
    (Refused(lambda body, x: F.interpolate(x, scale_factor=2, mode="bicubic")), "the network: interpolate in mode 'bicubic'"),
    (Refused(lambda body, x: F.max_pool2d(F.pad(x, (1, 1), value=1.0), 2)),
     "the network: max_pool2d reads a map padded with 1.0; pad with -inf"),
    (Refused(lambda body, x: x if x.sum() > 0 else -x), "module Refused: its forward depends on the values of a tensor"),
    (Refused(lambda body, x: body.conv(body.conv(x)), conv=nn.Conv2d(3, 3, 1)), "module 'body.conv': runs twice"),
    (nn.Sequential(nn.Conv2d(4, 4, 1)), "module '0' .Conv2d.: cannot be traced: RuntimeError: .* to have 4 channels, but got 3"),
    (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(5)), "module '1' .BatchNorm2d.: is for 5 channels, and reads 4"),
    (nn.Sequential(nn.Conv2d(3, 4, 1), nn.LeakyReLU(0.3)), "module '1': .*leaky_relu_0.3"),
])
def test_what_cannot_be_lowered_is_one_line_with_module_operator_and_cure(module, message):
    with pytest.raises(UserError, match=message) as caught:
        lower(module)
    assert "\n" not in str(caught.value)


def test_a_second_map_is_to_come_in_a_list():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    with pytest.raises(UserError, match="module Two: its forward reads a second argument, 'y'; let it read one map, or one list"):
        lower(Two())


def test_decisions_by_shapes_are_taken_while_tracing():
    class ByShape(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)

        def forward(self, x):
            n, _, h, w = x.shape
            y = self.conv(x)
            if y.shape[-1] != w:
                y = F.interpolate(y, size=x.shape[2:], mode="bilinear")
            assert y.size(2) == h
            return y.view(n, 2, 2, h, w).transpose(1, 2).reshape(n, -1, h, w)

    net = lowered_parity(ByShape().eval())
    assert leaves(net) == {"conv": "ConvBNAct", "interpolate": "UpsampleBilinear", "reshape": "Shuffle"}


def test_assert_close_sees_a_difference():
    module = trained(Net())
    net = lower(module)
    with torch.no_grad():
        net.get_submodule("layer1.0.conv1").conv.weight[0, 0, 0, 0] += 0.1
    with pytest.raises(AssertionError):
        assert_close(net, module, torch.randn(1, 3, 32, 32))
