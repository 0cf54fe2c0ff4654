import torch

from mtzoo.layers import Mix, Product
from mtzoo.ops.grid import Grid


def grid(exponent: int, low: int = 0, high: int = 255) -> Grid:
    return Grid(torch.tensor(exponent, dtype=torch.int32), low, high)


def test_floats_are_what_torch_multiplies():
    x, y = torch.randn(2, 2, 3, 4, 5)
    for gate in (torch.rand(2, 3, 4, 5), torch.rand(2, 3, 1, 1), torch.rand(2, 1, 4, 5)):
        assert torch.equal(Product()(x, gate), x * gate)
        torch.testing.assert_close(Mix()(x, y, gate), torch.lerp(y, x, gate.expand_as(x)))


def test_a_gate_of_8_bits_shifts_once_half_to_even():
    """a u8 at 2^-8: x a is rounded to x's own grid. 3 * 128 / 256 = 1.5 -> 2; 5 * 128 / 256 = 2.5 -> 2; -7 * 255 / 256 -> -7."""
    x, a = torch.tensor([[3, 5, -7]], dtype=torch.int8), torch.tensor([[128, 128, 255]], dtype=torch.uint8)
    assert Product().integer([x, a], [grid(-4, -128, 127), grid(-8)], grid(-4, -128, 127)).tolist() == [[2, 2, -7]]


def test_a_mix_weighs_with_256_minus_a():
    """(x a + 4 y (256 - a)) / 256, x and y on different grids."""
    x, y, a = (torch.tensor([values], dtype=torch.uint8) for values in ([100, 100, 7], [10, 10, 9], [0, 255, 128]))
    inputs = [grid(-4), grid(-2), grid(-8)]
    wanted = [round((i * k + 4 * j * (256 - k)) / 256) for i, j, k in zip(*(t[0].tolist() for t in (x, y, a)))]
    assert Mix().integer([x, y, a], inputs, grid(-4)).tolist() == [wanted]


def test_the_largest_sums():
    assert Product().largest([grid(3, -128, 127), grid(-8)], []) == 128 * 255
    assert Mix().largest([grid(-4), grid(-4), grid(-8)], []) == 255 * 255 + 255 * 256
    assert Mix().largest([grid(-4), grid(-4), grid(-20)], []) > 2**24  # 1 is 2^20 steps of such a gate
    assert Mix().largest([grid(-4), grid(-4), grid(1)], []) == 255 * 510 + 255 * 509  # steps of 1: 1 - a has to lie on them


def test_signs_and_channels():
    for leaf, maps in ((Product(), 2), (Mix(), 3)):
        assert not leaf.signed([False] * maps)
        assert leaf.signed([True] + [False] * (maps - 1))
    assert Product().channels([["a"], ["b", "c"]], "fixed") == ["b", "c"]
    assert ("a", "fixed") in list(Product().ties([["a"], ["b", "c"]], "fixed"))
    assert {("b", "d"), ("c", "e")} <= set(Mix().ties([["b", "c"], ["d", "e"], ["a"]], "fixed"))
