import pytest
import torch
from torch import nn

from mtzoo.layers import ConvBNAct
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.ops.fixed_point import scale_for
from mtzoo.quantization.fake_quant import ImageScale
from mtzoo.quantization.qconfig import QConfig
from mtzoo.quantization.weight_quant import Accumulator, BiasFakeQuant, WeightFakeQuant
from tests.quantization.test_fake_quant import act

IMAGE = ImageScale(2.0**-7, -128, 127)


def layer(channels: int = 4, out: int = 8, config: QConfig = QConfig()) -> tuple[ConvBNAct, WeightFakeQuant]:  # noqa: B008
    torch.manual_seed(0)
    built = ConvBNAct(channels, out, 3, bn=False)
    weight = WeightFakeQuant(config, out)
    weight.accumulator = Accumulator(built.conv, weight, IMAGE, None)
    weight.enabled = True
    return built, weight


@pytest.mark.parametrize("bits", [7, 8])
def test_weights_are_idempotent_within_range_and_pass_gradients(bits: int) -> None:
    built, quant = layer(config=QConfig(weight_bits=bits))
    rounded = quant(built.conv.weight)
    integers = rounded / quant.scale.view(-1, 1, 1, 1)
    assert torch.equal(integers, integers.round())
    assert 2 ** (bits - 2) <= integers.abs().amax() <= 2 ** (bits - 1) - 1
    rounded.sum().backward()
    assert torch.equal(built.conv.weight.grad, torch.ones_like(built.conv.weight))
    built.conv.weight.data = rounded.detach()
    assert torch.equal(quant(built.conv.weight), rounded)


def test_one_scale_per_tensor_when_asked() -> None:
    built, quant = layer(config=QConfig(weight_granularity="tensor"))
    quant(built.conv.weight)
    assert quant.scale.unique().numel() == 1


def rounded_bias_of_a_dead_channel(built: ConvBNAct, quant: WeightFakeQuant) -> float:
    """The bias of channel 0, 3.0, as it is rounded beside weights of almost nothing."""
    with torch.no_grad():
        built.conv.weight[0] *= 1e-9
        built.conv.bias[0] = 3.0
    quant(built.conv.weight)
    bias = BiasFakeQuant(quant.accumulator)
    bias.enabled = True
    return float(bias(built.conv.bias.detach())[0])


def test_dead_channel_with_a_large_bias_stays_in_the_exact_range() -> None:
    built, quant = layer()
    rounded = rounded_bias_of_a_dead_channel(built, quant)
    assert abs(rounded / float(quant.accumulator.scale[0])) < EXACT_LIMIT
    assert rounded == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize(("channels", "allowed", "lost", "parts"), [(256, 0, 0, 1), (512, 0, 0, 1), (2048, 0, 0, 4), (2048, 8, 2, 1)])
def test_dense_layers_keep_their_bits(channels: int, allowed: int, lost: int, parts: int) -> None:
    """3x3, gaussian weights: 512 channels fit into one sum, 2048 do in parts, or with a bit or two less where that is allowed."""
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 8, 3)
    nn.init.normal_(conv.weight)
    quant = WeightFakeQuant(QConfig(max_lost_bits=allowed), 8)
    free = scale_for(conv.weight.abs().amax((1, 2, 3)), 127, power_of_two=True)
    quant.accumulator = Accumulator(conv, quant, act(signed=False, scale=2.0**-6), None)
    quant.refresh(conv.weight)
    bits = torch.log2(quant.scale / free)
    assert bits.max() == lost
    assert (1 if quant.parts is None else quant.parts.count) == parts
    assert bool(quant.accumulator.fits_rounded(quant.scale, 127).all()) == (parts == 1)
    assert lost == 0 or not bool(quant.accumulator.fits_rounded(quant.scale / 2, 127).any())


def test_a_sum_that_passes_the_limit_by_rounding_gets_the_next_scale() -> None:
    """6143 weights of 10.6 steps and one of 127: 2^24 holds 255 times their sum, but not 255 times that of 6143 weights of 11."""
    conv = nn.Conv2d(6144, 1, 1)
    with torch.no_grad():
        conv.weight.fill_(10.6)
        conv.weight[0, 0] = 127.0
        conv.bias.zero_()
    quant = WeightFakeQuant(QConfig(max_lost_bits=1), 1)
    quant.accumulator = Accumulator(conv, quant, act(signed=False, scale=1.0), None)
    assert float(quant.accumulator.weight_scale_that_fits()) < 1.0
    assert not bool(quant.accumulator.fits_rounded(torch.ones(1), 127))
    quant.refresh(conv.weight)
    assert float(quant.scale) == 2.0


def test_frozen_scale_does_not_follow_the_weights() -> None:
    built, quant = layer()
    quant(built.conv.weight)
    before = quant.scale.clone()
    quant.frozen.fill_(True)
    quant(built.conv.weight * 8)
    assert torch.equal(quant.scale, before)


def test_a_large_bias_survives_scales_of_any_value() -> None:
    assert rounded_bias_of_a_dead_channel(*layer(config=QConfig(scale_mode="float"))) == pytest.approx(3.0, rel=1e-5)
