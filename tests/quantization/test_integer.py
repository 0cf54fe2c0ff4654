"""The integer network; every form of a convolution is in tests/layers/test_every_leaf.py."""

import pytest
import torch
from torch import nn

from mtzoo.compression import prune
from mtzoo.layers import ConvBNAct, UpsampleNearest, normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfig, QConfigMap, calibrate, convert, fold_bn, freeze, prepare
from tests.chain import chain, folded_chain
from tests.quantization.helpers import differing, images, mask, outputs


def test_the_integer_network_reads_odd_sizes() -> None:
    net = folded_chain(ConvBNAct(3, 16, 3, stride=2), ConvBNAct(16, 16, 3, dilation=2), ConvBNAct(16, 16, 3, stride=2))
    x = torch.randint(0, 256, (1, 3, 37, 53), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    assert differing(outputs(convert(net), x), outputs(net, normalize_image(x))) == 0


def test_pruning_keeps_dilation_and_stride() -> None:
    net = chain(ConvBNAct(3, 16, 1), ConvBNAct(16, 16, 3, dilation=2, stride=2), ConvBNAct(16, 8, 1))
    x, gone = normalize_image(images(1, seed=1)), {"nodes.chain.layers.0": {1, 5}, "nodes.chain.layers.1": {0, 7, 9}}
    mask(net, gone)
    masked = outputs(net, x)
    prune(net, gone)
    conv = net.get_submodule("nodes.chain.layers.1").conv
    assert (conv.dilation, conv.stride, conv.padding, tuple(conv.weight.shape)) == ((2, 2), (2, 2), (2, 2), (13, 14, 3, 3))
    assert torch.allclose(outputs(net, x)["seg.logits"], masked["seg.logits"], atol=1e-5)


def bounded_chain(head_output: str, *behind: nn.Module) -> MultiTaskNet:
    """On its grids; behind: layers that move the classifier's result."""
    net = chain(ConvBNAct(3, 16, 3, stride=2))
    net.nodes["chain"].classify = nn.Sequential(net.nodes["chain"].classify, *behind)
    prepare(net, QConfigMap(default=QConfig(head_output=head_output)))
    calibrate(net, [normalize_image(images())])
    fold_bn(net, ["nodes.*"])
    freeze(net)
    return net


@pytest.mark.parametrize("behind", [(), (UpsampleNearest(2),)], ids=["a convolution", "moved sums"])
def test_the_bound_of_an_output_holds_and_is_in_its_own_integers(behind: tuple[nn.Module, ...]) -> None:
    net = bounded_chain("accumulator", *behind)
    largest, exponent = convert(net).bound("seg", "logits")
    integers = outputs(net, normalize_image(images()))["seg.logits"].double() * torch.exp2(-exponent.double()).view(-1, 1, 1)
    assert torch.equal(integers, integers.round())
    reached = integers.abs().amax((0, 2, 3))
    assert (reached <= largest).all()
    assert (reached > largest / 64).all()


def test_the_bound_of_an_output_of_8_bits_is_its_range() -> None:
    largest, exponent = convert(bounded_chain("quantized")).bound("seg", "logits")
    assert largest == 128
    assert exponent.shape == ()
