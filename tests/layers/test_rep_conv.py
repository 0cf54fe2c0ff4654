"""RepConvBNAct beside what every leaf is tested for: its branches, and the one convolution that they are."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mtzoo.layers import ConvBNAct, RepConvBNAct, prune_channels
from mtzoo.quantization.fold import fold_layer
from mtzoo.quantization.qconfig import QConfig
from mtzoo.quantization.weight_quant import WeightFakeQuant


def lively(layer: RepConvBNAct, seed: int = 0) -> RepConvBNAct:
    """With BN far from that of a fresh layer, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for bn in layer.norms:
        for value, low in ((bn.weight, 0.5), (bn.bias, -0.5), (bn.running_mean, -0.5), (bn.running_var, 0.5)):
            value.data.copy_(low + torch.rand(value.shape, generator=generator))
    return layer.eval()


def branches(layer: RepConvBNAct, x: torch.Tensor) -> torch.Tensor:
    """The three branches, written out."""
    y = layer.bn(layer.conv(x)) + layer.point_bn(layer.point(x))
    return y if layer.identity_bn is None else y + layer.identity_bn(x)


@pytest.mark.parametrize(("out", "stride"), [(6, 1), (10, 1), (6, 2)])
def test_one_convolution_is_what_the_branches_are(out, stride):
    torch.manual_seed(0)
    layer, x = lively(RepConvBNAct(6, out, stride=stride)).double(), torch.randn(2, 6, 10, 12, dtype=torch.float64)
    skip = torch.randn(2, out, 10 // stride, 12 // stride, dtype=torch.float64)
    wanted = F.relu(branches(layer, x) + skip)
    assert (layer.identity_bn is None) == (out != 6 or stride != 1)
    torch.testing.assert_close(layer(x, skip), wanted, rtol=1e-12, atol=1e-12)
    fold_layer(layer)
    torch.testing.assert_close(layer(x, skip), wanted, rtol=1e-12, atol=1e-12)
    plain = ConvBNAct(6, out, 3, stride=stride, bn=False).double()
    plain.load_state_dict(layer.state_dict())  # the same tensors by the same names
    torch.testing.assert_close(plain.eval()(x, skip), wanted, rtol=1e-12, atol=1e-12)
    assert layer.norms == ()
    assert not layer.passes_input


def test_the_values_of_each_branch():
    layer = RepConvBNAct(2, 2).eval()
    nn.init.zeros_(layer.conv.weight)
    with torch.no_grad():
        layer.point.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]])[..., None, None])
    for bn, gamma, beta, mean in ((layer.bn, 9.0, 0.25, 0.0), (layer.point_bn, 0.5, 1.0, 2.0), (layer.identity_bn, 3.0, 0.0, 4.0)):
        bn.eps = 0.0
        for value, to in ((bn.weight, gamma), (bn.bias, beta), (bn.running_mean, mean), (bn.running_var, 1.0)):
            value.data.fill_(to)
    weight, bias = layer.folded()
    assert weight[:, :, 1, 1].tolist() == [[0.5 + 3, 1.0], [1.5, 2.0 + 3]]
    assert int((weight != 0).sum()) == 4
    assert bias.tolist() == [0.25 + (1 - 0.5 * 2) - 3 * 4] * 2


def test_float_training_runs_the_branches_and_their_statistics():
    torch.manual_seed(0)
    layer, x = RepConvBNAct(6, 6).train(), 3 + torch.randn(4, 6, 8, 8)
    layer(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in (layer.bn.bias, layer.point_bn.bias, layer.identity_bn.bias))
    torch.testing.assert_close(layer.identity_bn.running_mean, 0.1 * x.mean((0, 2, 3)))
    assert all(int(bn.num_batches_tracked) == 1 for bn in layer.norms)


def test_fake_quant_sees_the_weights_that_are_deployed_and_trains_the_branches():
    torch.manual_seed(0)
    layer, x = lively(RepConvBNAct(6, 6)).train(), torch.randn(2, 6, 8, 8)
    layer.weight_quant = WeightFakeQuant(QConfig(), 6)
    layer.weight_quant.enabled = True
    before = layer.identity_bn.running_mean.clone()
    y = layer(x)
    weight, bias = (value.float() for value in layer.folded())
    rounded = torch.round(weight / layer.weight_quant.scale.view(-1, 1, 1, 1)) * layer.weight_quant.scale.view(-1, 1, 1, 1)
    torch.testing.assert_close(y, F.relu(F.conv2d(x, rounded, bias, padding=1)), rtol=1e-6, atol=1e-6)
    assert not torch.equal(rounded, weight)
    assert torch.equal(layer.identity_bn.running_mean, before)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_narrow_keeps_the_channels_of_all_branches():
    torch.manual_seed(0)
    layer, x, rows = lively(RepConvBNAct(6, 6)), torch.randn(1, 6, 8, 8), torch.tensor([0, 2, 5])
    x[:, [1, 3, 4]] = 0
    wanted = layer(x)[:, rows]
    prune_channels(layer, rows, rows, 1)
    torch.testing.assert_close(layer(x[:, rows]), wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="go together with its outputs"):
        prune_channels(layer, torch.tensor([0, 1]), torch.tensor([0, 2]), 1)
