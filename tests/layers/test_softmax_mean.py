import numpy as np
import pytest
import torch
from torch import Tensor

from mtzoo.layers import SoftmaxMean
from mtzoo.ops.grid import Grid
from tests.layers.alone import both_ways, grid, quantized, steps

SIZES = [(13, 18), (64, 128), (1, 1), (250, 258)]


def true_mean(x: Tensor, logits: Tensor) -> Tensor:
    return (x * torch.softmax(logits.flatten(2), 2).view_as(logits)).sum((2, 3), keepdim=True)


def table_mean(x: Tensor, logits: Tensor, of: Grid) -> Tensor:
    """The mean by weights of 8 bits, in steps of x."""
    weights = torch.round(255 * torch.exp((logits.double() - logits.double().amax((2, 3), keepdim=True)) * of.scale))
    return (x.double() * weights).sum((2, 3), keepdim=True) / weights.sum((2, 3), keepdim=True)


def test_the_float_form_weighs_by_the_softmax_over_all_cells() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 8.0]]]])
    logits = torch.log(torch.tensor([[[[1.0, 2.0], [1.0, 4.0]]]]))
    torch.testing.assert_close(SoftmaxMean()(x, logits).flatten(), torch.tensor([(1 + 4 + 3 + 16) / 8, 4.0]))


@pytest.mark.parametrize("hw", SIZES, ids=str)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("exponent", [-6, -4, -1])
def test_integers_are_at_most_a_step_off(hw: tuple[int, int], signed: bool, exponent: int) -> None:
    """From flat weights to one cell that counts alone."""
    source, scores = grid(-4, signed), grid(exponent, True)
    x, logits = steps((2, 16, *hw), source), steps((2, 1, *hw), scores, seed=1)
    found = both_ways(SoftmaxMean(), [x, logits], [source, scores], source)
    assert (found - table_mean(x, logits, scores)).abs().max() < 0.85
    if exponent == -6:  # no weight of which 8 bits lose much
        assert (found - true_mean(x.double(), logits.double() * scores.scale)).abs().max() < 1


def test_a_peak_above_a_long_tail_keeps_the_tail() -> None:
    """Rows whose sums are small lose nothing: 1 of 255 in each of 64 rows is a fifth of the whole."""
    source, scores = grid(0, False), grid(-4, True)
    logits = torch.full((1, 1, 64, 32), -128, dtype=torch.int8)
    logits[..., 0] = 127 - 89  # e^(-89 / 16) * 255 = 0.98
    logits[0, 0, 5, 3] = 127
    x = torch.full((1, 1, 64, 32), 100, dtype=torch.uint8)
    assert both_ways(SoftmaxMean(), [x, logits], [source, scores], source).item() == 100


@pytest.mark.parametrize("hw", SIZES, ids=str)
@pytest.mark.parametrize("value", [255, 1, 0])
def test_a_map_that_is_the_same_everywhere_keeps_its_value(hw: tuple[int, int], value: int) -> None:
    source, scores = grid(-4, False), grid(-4, True)
    x = torch.full((1, 2, *hw), value, dtype=torch.uint8)
    logits = steps((1, 1, *hw), scores)
    assert (both_ways(SoftmaxMean(), [x, logits], [source, scores], source) == value).all()


def test_products_stay_within_24_bits() -> None:
    inputs = [grid(0, False), grid(-4, True)]

    def largest(height: int, width: int) -> float:
        return SoftmaxMean().largest(inputs, [(1, 8, height, width), (1, 1, height, width)])

    assert max(largest(1, 1), largest(256, 256), largest(1, 258), largest(8_192, 8)) <= 2**24
    assert largest(1, 259) > 2**24
    assert largest(257, 257) > 2**24


def test_every_sum_of_weights_keeps_the_product_within_24_bits() -> None:
    """The constants, in numpy's integers: the largest mean over every kind of divisor."""
    from mtzoo.layers.softmax_mean import DIVISOR_BITS, MEAN_BITS, reciprocals

    divisor = np.arange(255, 255 * 65_793, 997, dtype=np.int64)
    k = np.floor(np.log2(divisor)).astype(np.int64)
    mean = np.rint(255 * divisor * 2.0 ** (MEAN_BITS - k))
    inverse = reciprocals()[np.rint(divisor * 2.0 ** (DIVISOR_BITS - k)).astype(np.int64) - 2**DIVISOR_BITS]
    assert (mean * inverse).max() <= 2**24
    assert abs(mean * inverse * 2.0 ** -(DIVISOR_BITS + MEAN_BITS + 1) - 255).max() < 0.3


def test_training_sees_the_softmax() -> None:
    source, scores = grid(-4, False), grid(-4, True)
    x, logits = ((steps(shape, of, 1).float() * of.scale.float()).requires_grad_() for shape, of in
                 (((1, 3, 5, 6), source), ((1, 1, 5, 6), scores)))
    quantized(SoftmaxMean(), (source, scores), source)(x, logits).sum().backward()
    found = x.grad.clone(), logits.grad.clone()
    x.grad = logits.grad = None
    true_mean(x, logits).sum().backward()
    torch.testing.assert_close(found, (x.grad, logits.grad))


def test_pruning_keeps_the_channel_of_the_logits() -> None:
    leaf = SoftmaxMean()
    assert leaf.channels([["a", "b"], ["c"]], "fixed") == ["a", "b"]
    assert list(leaf.ties([["a", "b"], ["c"]], "fixed")) == [("c", "fixed")]
