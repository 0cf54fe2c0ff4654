"""Sums in parts: never above 2^24, and the true sum but for the rounding of the parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.ops.parts import plan_parts


def layer(channels: int, lean: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights of a 3x3 convolution to 4 channels; lean: share of them that is positive."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(0, 128, (4, channels, 3, 3), generator=generator)
    sign = torch.rand(weight.shape, generator=generator) < lean
    return torch.where(sign, weight, -weight).double(), torch.randint(-2**12, 2**12, (4,), generator=generator).double()


@pytest.mark.parametrize(("channels", "lean", "count"), [(16, 1.0, 1), (57, 1.0, 1), (200, 0.5, 1), (256, 1.0, 3), (1024, 0.5, 5)])
def test_as_many_parts_as_the_bound_needs(channels: int, lean: float, count: int) -> None:
    weight, bias = layer(channels, lean, 0)
    parts = plan_parts(weight, bias, (0, 255))
    assert parts.count == count
    assert parts.cuts[0] == 0
    assert parts.cuts[-1] == channels
    assert (parts.shift > 0) == (count > 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(40, 600), st.sampled_from([0.3, 0.5, 0.9]), st.integers(0, 100), st.booleans())
def test_no_sum_passes_the_limit(channels: int, lean: float, seed: int, signed: bool) -> None:
    weight, bias = layer(channels, lean, seed)
    low, high = (-128, 127) if signed else (0, 255)
    parts = plan_parts(weight, bias, (low, high), (-128 * 64.0, 127 * 64.0), 64.0)
    if parts is None:  # bias and skip take the sum beyond the limit, which the weights keep
        sides = torch.stack([(weight * torch.where(weight > 0, *ends)).sum((1, 2, 3)).abs() for ends in ((high, low), (low, high))])
        assert EXACT_LIMIT - 2**12 - 128 * 64 < float(sides.max()) <= EXACT_LIMIT
        return
    worst = torch.where(weight[0] > 0, high, low).double()  # what makes channel 0 as large as it can be
    total = 0.0
    for first, end in parts.ranges:
        part = (weight[:, first:end] * worst[first:end]).sum((1, 2, 3)) + (bias if first == 0 else 0)
        assert float(part[0].abs()) <= EXACT_LIMIT
        total = total + torch.round(part / 2**parts.shift)
    assert float(total[0] + 127 * 64 / 2**parts.shift) <= float(parts.largest[0]) * max(1.0, 64 / 2**parts.shift) <= EXACT_LIMIT * 64
    exact = (weight * worst).sum((1, 2, 3)) + bias
    assert float((total * 2**parts.shift - exact).abs().max()) <= parts.count * 2**parts.shift / 2
    assert float(parts.largest.max()) <= EXACT_LIMIT


def test_what_no_parts_can_hold_is_none() -> None:
    weight, bias = layer(8, 0.5, 0)
    assert plan_parts(weight, bias + 2.0**25, (0, 255)) is None
    wide, bias = layer(256, 1.0, 0)
    assert plan_parts(wide, bias, (0, 255), groups=2) is None  # a group convolution is computed as a whole


def test_a_sum_and_its_skip_are_bounded_on_either_side() -> None:
    """What is added above 0 and what is taken below it do not meet: a skip may reach -2^24 beside a sum that is never negative."""
    weight, bias = torch.full((1, 1, 1, 1), 100.0), torch.zeros(1)
    step = 2.0**17
    parts = plan_parts(weight, bias, (0, 255), (-128 * step, 100 * step), step)
    assert parts is not None
    assert float(parts.largest[0]) == EXACT_LIMIT
    assert plan_parts(-weight, bias, (0, 255), (-128 * step, 100 * step), step) is None
