import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import Enlarge
from mtzoo.layers.enlarge import weights
from mtzoo.ops.grid import Grid
from mtzoo.quantization import QConfig
from mtzoo.quantization.fake_quant import build_act_quant

SIZES = pytest.mark.parametrize("size", [(7, 13), (64, 128), (5, 2), (1, 1)])
ALIGN = pytest.mark.parametrize("align", [False, True], ids=["half pixel", "corners"])


def quantized(leaf: Enlarge, exponent: int) -> Enlarge:
    leaf.act_quant = build_act_quant(QConfig(), signed=True)
    leaf.act_quant.scale.fill_(2.0**exponent)
    leaf.act_quant.enabled = True
    return leaf


@SIZES
@ALIGN
def test_floats_are_those_of_torch(size, align):
    x = torch.randn(2, 3, 5, 4)
    wanted = F.interpolate(x, size=size, mode="bilinear", align_corners=align)
    assert torch.equal(Enlarge(size, align_corners=align)(x), wanted)
    assert torch.equal(Enlarge(align_corners=align)(x, torch.empty(2, 9, *size)), wanted)
    assert torch.equal(Enlarge(align_corners=align)(x, like=torch.empty(1, 1, *size)), wanted)


@ALIGN
def test_a_factor_follows_the_map(align):
    assert Enlarge(factor=(1.1, 1.1))(torch.zeros(1, 1, 10, 20)).shape == (1, 1, 11, 22)  # 11.000000000000002
    leaf = Enlarge(factor=(3, 1.5), align_corners=align)
    for hw in ((5, 4), (7, 10)):
        x = torch.randn(2, 3, *hw)
        wanted = F.interpolate(x, scale_factor=(3.0, 1.5), mode="bilinear", align_corners=align, recompute_scale_factor=True)
        assert torch.equal(leaf(x), wanted)
        assert torch.equal(quantized(leaf, -4)(x), quantized(Enlarge((wanted.shape[2], wanted.shape[3]), align_corners=align), -4)(x))
        leaf.strip()
    with pytest.raises(ValueError, match=r"Enlarge by \(3, 1.5\) makes \[15, 7.5\] cells of a map of \(5, 5\): expected whole numbers"):
        leaf(torch.zeros(1, 1, 5, 5))


@pytest.mark.parametrize("options", [{"factor": (0, 1)}, {"factor": (2,)}, {"factor": (2, 2), "size": (4, 4)}])
def test_a_factor_that_is_none(options):
    with pytest.raises(ValueError, match="expected those of height and width, above 0, and no size"):
        Enlarge(**options)


@SIZES
@ALIGN
@pytest.mark.parametrize("bins", [(1, 1), (2, 3), (6, 6)])
def test_integers_are_within_a_step_of_torch_on_each_axis_and_equal_fake_quant(bins, size, align):
    rows, columns = torch.meshgrid(*(torch.arange(n) % 2 for n in bins), indexing="ij")
    worst = torch.where(rows == columns, 127, -128)  # neighbours differ by all that 8 bits hold
    x = torch.stack([worst, -1 - worst, torch.randint(-128, 128, bins)]).to(torch.int8)[None]
    grid = Grid(torch.tensor(-4), -128, 127)
    leaf = quantized(Enlarge(size, align_corners=align), -4)
    found = leaf.integer([x], [grid], grid)
    true = F.interpolate(x.double(), size=size, mode="bilinear", align_corners=align)
    # a weight is off by half of 1/128 at most, so the weights of each axis by less than 1 step of 8 bits, the rounding by half of one
    assert float((found.double() - true).abs().max()) < 2.5
    with torch.no_grad():
        assert torch.equal(leaf(x.float() * 2.0**-4) * 2.0**4, found.float())


@pytest.mark.parametrize("factor", [2, 8, 64])
def test_powers_of_two_lose_nothing(factor):
    x = torch.randint(-128, 128, (1, 2, 3, 4))
    true = F.interpolate(x.double(), scale_factor=float(factor), mode="bilinear")
    assert torch.equal(Enlarge((3 * factor, 4 * factor)).compute(x.float()).double(), true)


def test_rows_add_up_to_one_and_are_multiples_of_a_128th():
    for n_in, n_out, align in ((6, 61, False), (6, 61, True), (1, 9, True), (20, 7, False), (3, 1, True)):
        rows = 128 * weights(n_in, n_out, align)
        assert rows.shape == (n_out, n_in)
        assert np.array_equal(rows, rows.round())
        assert (rows >= 0).all()
        assert (rows.sum(1) == 128).all()
    assert (128 * weights(3, 5, True)).tolist() == [[128, 0, 0], [64, 64, 0], [0, 128, 0], [0, 64, 64], [0, 0, 128]]
    assert (128 * weights(2, 3, False)).tolist() == [[128, 0], [64, 64], [0, 128]]


def test_gradients_pass_through_the_matrices():
    x = torch.zeros(1, 1, 2, 2, requires_grad=True)
    quantized(Enlarge((4, 6)), -4)(x).sum().backward()
    assert x.grad.flatten().tolist() == [6.0] * 4


def test_the_largest_sum():
    assert Enlarge((3, 3)).largest([Grid(torch.tensor(2), -128, 127)], []) == 128 * 128 * 128


def test_sizes_that_are_none():
    for size in ((0, 4), (3,)):
        with pytest.raises(ValueError, match="height and width of 1 or more"):
            Enlarge(size)
    with pytest.raises(ValueError, match="has no size"):
        Enlarge()(torch.zeros(1, 1, 2, 2))
