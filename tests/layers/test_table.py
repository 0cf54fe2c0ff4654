import pytest
import torch

from mtzoo.layers import ConvBNAct, Table
from mtzoo.layers.table import FUNCTIONS
from mtzoo.quantization.fake_quant import ActFakeQuant, ImageScale
from mtzoo.quantization.qconfig import QConfig


def quantized(function: str, scale: float) -> Table:
    leaf = Table(function)
    leaf.act_quant = ActFakeQuant(QConfig(), signed=leaf.signed([True]), fixed_exponent=leaf.fixed_exponent)
    leaf.sources = (ImageScale(scale, -128, 127),)
    leaf.act_quant.enabled = True
    return leaf


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_answer_is_the_nearest_integer(function: str) -> None:
    leaf, x = quantized(function, 2.0**-4), torch.arange(-128, 128).view(1, 1, 16, 16) * 2.0**-4
    exact = FUNCTIONS[function].compute(x.double())
    if leaf.fixed_exponent is None:
        leaf.act_quant.scale.fill_(2.0**-4)
    scale = float(leaf.act_quant.scale)
    wanted = torch.round(exact / scale).clamp(leaf.act_quant.low, leaf.act_quant.high) * scale
    assert torch.equal(leaf(x.float()).double(), wanted)


def test_the_gradient_is_that_of_the_function() -> None:
    leaf = quantized("sigmoid", 2.0**-4)
    x = torch.tensor([[[[-1.0, 0.0, 2.0]]]], requires_grad=True)
    leaf(x).sum().backward()
    s = torch.sigmoid(x.detach())
    torch.testing.assert_close(x.grad, s * (1 - s))


def test_an_unknown_function_is_told() -> None:
    with pytest.raises(ValueError, match="function='swish': expected one of sigmoid, .*"):
        Table("swish")
    with pytest.raises(ValueError, match="activation='silu': .*a Table behind it"):
        ConvBNAct(3, 4, 1, activation="silu")
