import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import ConvBNAct, prune_channels


def test_skip_is_added_after_bn_and_before_relu():
    layer = ConvBNAct(3, 4, 3, stride=2).eval()
    torch.nn.init.uniform_(layer.bn.running_var, 0.5, 2.0)
    x, skip = torch.randn(2, 3, 8, 10), torch.randn(2, 4, 4, 5)
    with torch.no_grad():
        expected = F.relu(layer.bn(layer.conv(x)) + skip)
        assert torch.equal(layer(x, skip), expected)
        layer.activation = "none"
        assert torch.equal(layer(x, skip), layer.bn(layer.conv(x)) + skip)


def test_bias_lives_only_without_bn():
    assert ConvBNAct(3, 4, 1).conv.bias is None
    head = ConvBNAct(3, 4, 1, bn=False, output="accumulator")
    assert head.bn is None
    assert torch.equal(head.conv.bias, torch.zeros(4))


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_padding_keeps_the_size(kernel_size):
    assert ConvBNAct(3, 4, kernel_size)(torch.zeros(1, 3, 6, 7)).shape == (1, 4, 6, 7)


def test_inference_does_not_overwrite_its_input():
    """ReLU runs in place where no gradient is kept; the skip must survive, other layers read it too."""
    layer = ConvBNAct(4, 4, 1).eval()
    x, skip = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    kept = x.clone(), skip.clone()
    with torch.no_grad():
        layer(x, skip)
    assert torch.equal(x, kept[0])
    assert torch.equal(skip, kept[1])


def test_what_is_not_learnt_is_not_learnt_in_a_pruned_layer():
    layer = ConvBNAct(4, 4, 1, weight=torch.ones(4, 4))
    layer.bn.weight.requires_grad_(False)
    prune_channels(layer, torch.tensor([0, 2]), torch.tensor([1, 2, 3]), 1)
    assert [name for name, parameter in layer.named_parameters() if parameter.requires_grad] == ["bn.bias"]
    biased = ConvBNAct(4, 4, 1, bn=False)
    biased.conv.bias.requires_grad_(False)
    prune_channels(biased, torch.tensor([0]), torch.arange(4), 1)
    assert [name for name, parameter in biased.named_parameters() if parameter.requires_grad] == ["conv.weight"]
