import torch

from mtzoo.layers import Spread
from mtzoo.ops.grid import Grid


def test_every_place_holds_the_value_and_of_the_other_map_only_the_size_is_read():
    x, like = torch.randn(2, 3, 1, 1), torch.full((2, 5, 4, 6), float("nan"))
    y = Spread()(x, like=like)
    assert y.shape == (2, 3, 4, 6)
    assert torch.equal(y, torch.ones(1, 1, 4, 6) * x)


def test_integers_stay_what_they_are():
    x = torch.tensor([-7, 120], dtype=torch.int8).view(1, 2, 1, 1)
    grid, other = Grid(torch.tensor(-2), -128, 127), Grid(torch.tensor(3), 0, 255)
    y = Spread().integer([x, torch.zeros(1, 9, 2, 3, dtype=torch.uint8)], [grid, other], grid)
    assert y.dtype == torch.int8
    assert y.tolist() == [[[[-7] * 3] * 2, [[120] * 3] * 2]]
