import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import Sum
from mtzoo.layers.broadcast import meeting_channels, widest
from mtzoo.ops.grid import Grid


def grid(exponent: int, low: int = 0, high: int = 255) -> Grid:
    return Grid(torch.tensor(exponent, dtype=torch.int32), low, high)


def test_floats_are_what_torch_adds_and_inputs_stay_as_they_are():
    xs = [torch.randn(2, 3, 4, 5), torch.randn(2, 3, 1, 1), torch.randn(2, 1, 4, 5)]
    before = [x.clone() for x in xs]
    total = xs[0] + xs[1] + xs[2]
    assert torch.equal(Sum()(*xs), total)
    assert torch.equal(Sum("relu")(*xs), F.relu(total))
    assert torch.equal(Sum("relu6")(*(8 * x for x in xs)), F.relu6(8 * xs[0] + 8 * xs[1] + 8 * xs[2]))
    assert all(torch.equal(x, y) for x, y in zip(xs, before))


def test_integers_are_added_on_the_finest_grid_and_rounded_once():
    """3 * 2^-1 + 5 * 2^-3 = 17 * 2^-3, half of 17 to even is 8; -20 * 2^-1 + 1 * 2^-3 = -79 * 2^-3, clamped where a ReLU ends it."""
    x = torch.tensor([3, -20], dtype=torch.int8).view(1, 1, 1, 2)
    y = torch.tensor([5, 1], dtype=torch.uint8).view(1, 1, 1, 2)
    inputs = [grid(-1, -128, 127), grid(-3)]
    assert Sum().integer([x, y], inputs, grid(-2, -128, 127)).flatten().tolist() == [8, -40]
    assert Sum("relu").integer([x, y], inputs, grid(-2)).flatten().tolist() == [8, 0]
    assert Sum().integer([x, y], inputs, grid(-2)).dtype == torch.uint8


def test_the_largest_sum_is_counted_in_steps_of_the_finest_grid():
    assert Sum().largest([grid(0), grid(-3), grid(-1, -128, 127)], []) == 255 * 8 + 255 + 128 * 4
    assert Sum().largest([grid(0), grid(-17)], []) > 2**24


def test_the_result_is_signed_where_an_input_is_and_no_relu_ends_it():
    assert Sum().signed([False, True])
    assert not Sum().signed([False, False])
    assert not Sum("relu").signed([True, True])


def test_an_activation_that_is_none():
    with pytest.raises(ValueError, match="activation='gelu'"):
        Sum("gelu")


def test_channels_that_meet_go_together_and_the_one_that_meets_all_stays():
    first, other, one = ["a", "b"], ["c", "d"], ["e"]
    assert widest([one, first, other]) == first
    assert set(meeting_channels([one, first, other], "fixed")) >= {("e", "fixed"), ("a", "c"), ("b", "d")}
    assert list(Sum().ties([["a"], ["b"]], "fixed")) == [("a", "a"), ("a", "b")]
