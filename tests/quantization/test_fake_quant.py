import pytest
import torch

from mtzoo.quantization.fake_quant import ActFakeQuant, build_act_quant
from mtzoo.quantization.qconfig import QConfig


def act(*, signed: bool, scale: float) -> ActFakeQuant:
    quantizer = ActFakeQuant(QConfig(), signed=signed)
    quantizer.scale.fill_(scale)
    quantizer.enabled = True
    return quantizer


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


def test_a_map_of_zeros_gets_a_range_of_its_own() -> None:
    """Residual branches begin so: a scale of almost nothing would make any sum with them inexact."""
    quantizer = act(signed=True, scale=0.0)
    quantizer.observe(torch.zeros(1, 4, 8, 8))
    assert float(quantizer.scale) == 2.0**-8
    quantizer.observe(torch.full((1, 4, 8, 8), 100.0))
    assert float(quantizer.scale) == 1.0
