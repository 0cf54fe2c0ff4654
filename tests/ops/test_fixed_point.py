"""Rounding, shifts and scales against fractions."""

import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.fixed_point import (
    MIN_SCALE,
    exponent_of,
    fake_quantize,
    fake_quantize_,
    power_of_two_at_least,
    requantize,
    scale_for,
    shift_right_half_even,
    sum_bound,
    to_integers,
)

SUMS = st.integers(-(2**24) + 1, 2**24 - 1)


@settings(max_examples=200, deadline=None)
@given(SUMS, st.integers(0, 40))
def test_shift_right_rounds_half_to_even(x: int, bits: int) -> None:
    got = shift_right_half_even(torch.tensor([x], dtype=torch.int32), torch.tensor(bits))
    assert got.dtype == torch.int32
    assert int(got) == round(Fraction(x, 2**bits))


@settings(max_examples=200, deadline=None)
@given(SUMS, st.integers(-30, 30), st.sampled_from([(0, 255), (-128, 127)]))
def test_requantize_equals_exact_arithmetic(x: int, shift: int, limits: tuple[int, int]) -> None:
    low, high = limits
    got = requantize(torch.tensor([x], dtype=torch.int32), torch.tensor(shift), low, high)
    assert int(got) == min(max(round(Fraction(x) / Fraction(2) ** shift), low), high)


@settings(max_examples=200, deadline=None)
@given(st.floats(2.0**-20, 2.0**20, width=32), st.sampled_from([63, 127, 255]))
def test_power_of_two_scale_is_the_smallest_that_clips_nothing(value: float, qmax: int) -> None:
    scale = Fraction(float(scale_for(torch.tensor(value), qmax, power_of_two=True)))
    assert scale * qmax >= Fraction(value) > scale * qmax / 2
    assert scale.numerator == 1 or scale.denominator == 1


def test_powers_of_two_stay_and_zero_gets_the_least() -> None:
    powers = torch.exp2(torch.arange(-30.0, 30.0, dtype=torch.float64))
    assert torch.equal(power_of_two_at_least(powers), powers)
    assert torch.equal(power_of_two_at_least(powers * (1 + 1e-12)), powers * 2)
    assert float(power_of_two_at_least(torch.zeros((), dtype=torch.float64))) == MIN_SCALE


def test_exponent_of_inverts_and_refuses_other_scales() -> None:
    exponents = torch.arange(-32, 32, dtype=torch.int32)
    assert torch.equal(exponent_of(torch.exp2(exponents.float())), exponents)
    with pytest.raises(UserError, match="power of two"):
        exponent_of(torch.tensor([0.5, 0.3]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_fake_quantize_holds_every_integer_in_every_dtype(dtype: torch.dtype) -> None:
    scale = torch.tensor(2.0**-5)
    points = (torch.arange(0, 256) * scale).to(dtype)
    assert torch.equal(fake_quantize(points, scale, 0, 255), points)
    assert torch.equal(to_integers(points, scale, 0, 255), torch.arange(0, 256).to(dtype))
    assert torch.equal(fake_quantize_(points.clone(), scale, 0, 255), points)


def test_ties_go_to_even() -> None:
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 300.0, -300.0])
    assert to_integers(x, torch.tensor(1.0), -128, 127).tolist() == [0, 2, 2, 0, -2, 127, -128]


@given(st.integers(0, 2**32 - 1), st.sampled_from([(0, 255), (-128, 127)]), st.sampled_from([(0, 0), (0, 255), (-512, 508)]))
def test_no_part_of_a_sum_passes_its_bound_and_one_reaches_it(seed: int, ends: tuple[int, int], skip: tuple[int, int]) -> None:
    """Every subset of the terms is a partial sum of some order; each term is at one of its ends, or not yet added."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-127, 128, (1, 4, 1, 1), generator=generator).double()
    bias = torch.randint(-3000, 3000, (1,), generator=generator).double()
    terms = [(0, *(int(w) * end for end in ends)) for w in weight.flatten()] + [(0, int(bias)), (0, *skip)]
    largest = max(abs(sum(chosen)) for chosen in itertools.product(*terms))
    assert float(sum_bound(weight, bias, ends, skip)) == largest
