import pytest
import torch
from torch import nn

from mtzoo.layers import ConvBNAct
from mtzoo.ops.fixed_point import EXACT_LIMIT, scale_for
from mtzoo.quantization.fake_quant import (
    Accumulator,
    ActFakeQuant,
    BiasFakeQuant,
    ImageScale,
    WeightFakeQuant,
    build_act_quant,
)
from mtzoo.quantization.qconfig import QConfig

IMAGE = ImageScale(2.0**-7, -128, 127)


def act(*, signed: bool, scale: float) -> ActFakeQuant:
    quantizer = ActFakeQuant(QConfig(), signed=signed)
    quantizer.scale.fill_(scale)
    quantizer.enabled = True
    return quantizer


def layer(channels: int = 4, out: int = 8, config: QConfig = QConfig()) -> tuple[ConvBNAct, WeightFakeQuant]:  # noqa: B008
    torch.manual_seed(0)
    built = ConvBNAct(channels, out, 3, bn=False)
    weight = WeightFakeQuant(config, out)
    weight.accumulator = Accumulator(built.conv, weight, IMAGE, None)
    weight.enabled = True
    return built, weight


@pytest.mark.parametrize("signed", [False, True])
def test_gradient_passes_inside_the_range_and_stops_outside(signed: bool) -> None:
    x = torch.tensor([[-300.0, -3.0, -0.25, 0.25, 3.4, 254.0, 300.0]], requires_grad=True)
    y = act(signed=signed, scale=1.0)(x * 1)
    assert y.tolist() == [[-128.0, -3.0, 0.0, 0.0, 3.0, 127.0, 127.0] if signed else [0, 0, 0, 0, 3, 254, 255]]
    y.sum().backward()
    assert x.grad.tolist() == [[0, 1, 1, 1, 1, 0, 0] if signed else [0, 0, 0, 0, 1, 1, 0]]


def test_both_gradient_paths_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 3, 4, 4)
    grads = []
    for scale in (torch.tensor(2.0**-6), torch.full((1,), 2.0**-6)):  # a scale that is no scalar takes the other path
        quantizer, leaf = act(signed=True, scale=1.0), x.clone().requires_grad_()
        quantizer.scale = scale
        quantizer(leaf * 1).square().sum().backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads)


def test_disabled_quantizer_is_the_relu_and_observing_it_sets_the_scale() -> None:
    quantizer = ActFakeQuant(QConfig(), signed=False)
    quantizer.observing = True
    x = torch.tensor([[[[-2.0, 1.9]]]])
    assert quantizer(x.clone()).flatten().tolist() == [0.0, x[0, 0, 0, 1]]
    assert float(quantizer.scale) == 2.0**-7


def test_bfloat16_maps_get_the_values_of_float32() -> None:
    x = torch.randn(2, 4, 8, 8).bfloat16()
    for signed in (False, True):
        quantizer = act(signed=signed, scale=2.0**-6)
        assert torch.equal(quantizer(x.clone()).float(), quantizer(x.float()))


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


def test_dead_channel_with_a_large_bias_stays_in_the_exact_range() -> None:
    built, quant = layer()
    with torch.no_grad():
        built.conv.weight[0] *= 1e-9
        built.conv.bias[0] = 3.0
    quant(built.conv.weight)
    bias = BiasFakeQuant(quant.accumulator)
    bias.enabled = True
    rounded = float(bias(built.conv.bias.detach())[0])
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


@pytest.mark.parametrize("observer", ["abs_max", "moving_average_abs_max", "percentile"])
def test_an_asymmetric_map_keeps_its_range_and_its_zero(observer: str) -> None:
    config = QConfig(observer=observer, percentile=100, scale_mode="float", activation_symmetric=False)
    quantizer = build_act_quant(config, signed=True)
    quantizer.observing = quantizer.enabled = True
    x = torch.cat([torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 - 0.5, torch.zeros(1, 2, 8, 8)])
    y = quantizer(x.clone())
    step = float(quantizer.scale)
    assert step == pytest.approx(float(x.max() - x.min()) / 255)
    assert float((y - x).abs().max()) <= 0.501 * step
    assert torch.equal(y[1], torch.zeros_like(y[1]))
    assert (quantizer.low, quantizer.high - quantizer.low) == (-int(quantizer.zero_point), 255)
    assert not quantizer.exact


def test_after_a_relu_both_ranges_are_one() -> None:
    quantizer = build_act_quant(QConfig(activation_symmetric=False), signed=False)
    assert quantizer.exact
    assert (quantizer.low, quantizer.high) == (0, 255)


@pytest.mark.parametrize("signed", [False, True])
def test_sixteen_bits_are_finer(signed: bool) -> None:
    x = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    errors = []
    for bits in (8, 16):
        quantizer = build_act_quant(QConfig(activation_bits=bits, observer="mse"), signed=signed)
        quantizer.observing = quantizer.enabled = True
        errors.append(float((quantizer(x.clone()) - (x if signed else x.relu())).abs().mean()))
    assert 0 < errors[1] < errors[0] / 100


def test_a_large_bias_survives_scales_of_any_value() -> None:
    built, quant = layer(config=QConfig(scale_mode="float"))
    with torch.no_grad():
        built.conv.weight[0] *= 1e-9
        built.conv.bias[0] = 3.0
    quant(built.conv.weight)
    bias = BiasFakeQuant(quant.accumulator)
    bias.enabled = True
    assert float(bias(built.conv.bias.detach())[0]) == pytest.approx(3.0, rel=1e-5)


def test_a_map_of_zeros_gets_a_range_of_its_own() -> None:
    """Residual branches begin so: a scale of almost nothing would make any sum with them inexact."""
    quantizer = act(signed=True, scale=0.0)
    quantizer.observe(torch.zeros(1, 4, 8, 8))
    assert float(quantizer.scale) == 2.0**-8
    quantizer.observe(torch.full((1, 4, 8, 8), 100.0))
    assert float(quantizer.scale) == 1.0
