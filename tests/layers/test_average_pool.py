import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import AvgPool
from tests.layers.alone import both_ways, grid, steps

FORMS = [dict(kernel_size=2), dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=(9, 11), stride=2, padding=4),
         dict(kernel_size=3, stride=2, padding=1, count_include_pad=False), dict(kernel_size=(2, 3), stride=(2, 1), ceil_mode=True),
         dict(kernel_size=3, stride=2, padding=1, ceil_mode=True),
         dict(kernel_size=5, stride=3, padding=2, ceil_mode=True, count_include_pad=False)]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("hw", [(13, 18), (12, 16), (11, 11)], ids=str)
def test_the_float_form_is_pytorchs(form: dict, hw: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *hw)
    torch.testing.assert_close(AvgPool(**form)(x), F.avg_pool2d(x, **form), rtol=1e-5, atol=1e-6)


def test_padding_may_differ_between_the_sides() -> None:
    x = torch.arange(1.0, 10.0).view(1, 1, 3, 3)  # 1 2 3 / 4 5 6 / 7 8 9
    assert AvgPool(2, padding=(1, 0, 0, 1))(x).flatten().tolist() == [3 / 4, 3 / 4, (4 + 5 + 7 + 8) / 4, (6 + 9) / 4]
    assert AvgPool(2, padding=(1, 0, 0, 1), count_include_pad=False)(x).flatten().tolist() == [1.5, 3, 6, 7.5]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("signed", [False, True])
def test_integers_are_at_most_a_step_off(form: dict, signed: bool) -> None:
    source, output = grid(-4, signed), grid(-5, signed)
    x = steps((2, 8, 13, 18), source)
    wanted = F.avg_pool2d(x.double(), **form) * 2
    assert (both_ways(AvgPool(**form), [x], [source], output) - wanted.clamp(output.low, output.high)).abs().max() < 1


def test_halves_go_to_the_even_neighbour() -> None:
    source = grid(0, False)
    x = torch.tensor([[0, 1, 1, 1, 3, 3], [0, 1, 1, 3, 3, 1]], dtype=torch.uint8).view(1, 1, 2, 6)  # sums 2, 6, 10
    assert both_ways(AvgPool(2), [x], [source], source).flatten().tolist() == [0, 2, 2]


def test_every_integer_stays_within_24_bits() -> None:
    for kernel in range(1, 60):
        assert AvgPool(kernel).largest([grid(0, False)], [(1, 1, 64, 64)]) <= 2**24
    assert AvgPool(257).largest([grid(0, False)], [(1, 1, 300, 300)]) > 2**24


@pytest.mark.parametrize("form", [dict(kernel_size=0), dict(kernel_size=2, stride=0), dict(kernel_size=2, padding=2)], ids=str)
def test_what_is_no_pool_is_told(form: dict) -> None:
    with pytest.raises(ValueError, match="pool of"):
        AvgPool(**form)


def test_a_map_that_is_smaller_than_the_window_is_told() -> None:
    with pytest.raises(ValueError, match="5 x 5 cells reads a map of 4 x 9"):
        AvgPool(5)(torch.zeros(1, 1, 4, 9))


def test_a_network_without_data_can_have_one() -> None:
    """As it is built to compare a file with its description."""
    with torch.device("meta"):
        assert AvgPool(2)(torch.empty(1, 3, 8, 6)).shape == (1, 3, 4, 3)
