import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import BinMean, GlobalMean
from tests.layers.alone import both_ways, grid, quantized, steps

BINS = [(1, 1), (2, 2), (3, 3), (6, 6), (2, 4), (40, 7)]
SIZES = [(13, 18), (12, 16), (1, 1), (22, 43), (45, 60)]


@pytest.mark.parametrize("hw", SIZES, ids=str)
def test_the_float_form_is_pytorchs(hw: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *hw)
    torch.testing.assert_close(GlobalMean()(x), x.mean((2, 3), keepdim=True), rtol=1e-5, atol=1e-6)
    for bins in BINS:
        torch.testing.assert_close(BinMean(bins)(x), F.adaptive_avg_pool2d(x, bins), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hw", SIZES, ids=str)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("finer", [0, 2])
def test_integers_are_at_most_a_step_off(hw: tuple[int, int], signed: bool, finer: int) -> None:
    source, output = grid(-4, signed), grid(-4 - finer, signed)
    x = steps((2, 32, *hw), source)
    for leaf, bins in ((GlobalMean(), (1, 1)), *((BinMean(bins), bins) for bins in BINS)):
        wanted = F.adaptive_avg_pool2d(x.double(), bins) * 2**finer
        assert (both_ways(leaf, [x], [source], output) - wanted.clamp(output.low, output.high)).abs().max() < 1


@pytest.mark.parametrize("hw", [(60, 120), (64, 128), (127, 255)], ids=str)
def test_a_map_that_is_the_same_everywhere_keeps_its_value(hw: tuple[int, int]) -> None:
    source = grid(-4, False)
    x = torch.arange(256, dtype=torch.uint8).view(1, 256, 1, 1).expand(1, 256, *hw)
    assert torch.equal(both_ways(GlobalMean(), [x], [source], source), x[:, :, :1, :1])


def test_the_mean_of_more_cells_than_24_bits_hold_is_told() -> None:
    source = [grid(0, False)]
    assert GlobalMean().largest(source, [(1, 1, 1, 65_793)]) <= 2**24
    assert GlobalMean().largest(source, [(1, 1, 1, 65_794)]) > 2**24
    assert BinMean((2, 1)).largest(source, [(1, 1, 2, 65_793)]) <= 2**24
    assert max(GlobalMean().largest(source, [(1, 1, 1, cells)]) for cells in range(1, 3000)) <= 2**24


def test_training_sees_the_mean_itself() -> None:
    source, output = grid(-4, False), grid(-4, False)
    x = (steps((1, 2, 9, 11), source).float() * source.scale.float()).requires_grad_()
    quantized(GlobalMean(), (source,), output)(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 1 / 99), rtol=2e-3, atol=0)


def test_bins_below_1_are_told() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        BinMean((2, 0))


def test_bins_have_shapes_without_values():
    assert BinMean((2, 3))(torch.empty(1, 4, 8, 9, device="meta")).shape == (1, 4, 2, 3)


def test_bins_are_summed_in_float32_in_bf16_training():
    x = torch.randint(0, 256, (1, 3, 9, 10)).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = BinMean((2, 3))(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, BinMean((2, 3))(x))
