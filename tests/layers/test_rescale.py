import torch
from torch.nn import functional as F

from mtzoo.layers import Rescale
from mtzoo.ops.grid import Grid


def grid(exponent: int, low: int = 0, high: int = 255) -> Grid:
    return Grid(torch.tensor(exponent, dtype=torch.int32), low, high)


def test_floats_are_those_of_torch_in_memory_of_their_own():
    x = 5 * torch.randn(2, 3, 4, 5)
    for activation, wanted in (("none", x), ("relu", F.relu(x)), ("relu6", F.relu6(x))):
        before, y = x.clone(), Rescale(activation)(x)
        assert torch.equal(y, wanted)
        y.zero_()
        assert torch.equal(x, before)


def test_integers_are_shifted_half_to_even_and_clamped():
    x, signed = torch.tensor([3, 5, 6, -3, -90], dtype=torch.int8), grid(-3, -128, 127)
    assert Rescale().integer([x], [signed], grid(-2, -128, 127)).tolist() == [2, 2, 3, -2, -45]
    assert Rescale("relu").integer([x], [signed], grid(-2)).tolist() == [2, 2, 3, 0, 0]
    assert Rescale().integer([x], [signed], grid(-5, -128, 127)).tolist() == [12, 20, 24, -12, -128]
    assert Rescale("relu6").integer([20 * x], [signed], grid(-5)).tolist() == [192, 192, 192, 0, 0]


def test_a_relu_takes_the_sign():
    assert Rescale().signed([True])
    assert not Rescale().signed([False])
    assert not Rescale("relu").signed([True])
