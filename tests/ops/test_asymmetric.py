"""Properties of an asymmetric grid: zero is a point, the range is covered, a round trip moves nothing by more than half a step."""

import pytest
import torch

from mtzoo.ops.fixed_point import asymmetric_grid, to_integers

RANDOM = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)).tolist()
RANGES = [*map(tuple, RANDOM), (0.0, 1.0), (1.0, 0.0), (0.3, 5.7), (5.7, 0.3), (1e-6, 40.0), (2.0, 2.0), (0.0, 0.0), (1000.0, 3e-4)]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("ends", RANGES)
def test_properties(ends: tuple[float, float], power_of_two: bool, bits: int) -> None:
    steps = 2**bits - 1
    scale, offset = asymmetric_grid(torch.tensor(ends), steps, power_of_two=power_of_two)
    zero = int(offset)
    assert float(offset) == zero
    assert 0 <= zero <= steps
    x = torch.cat([torch.linspace(-ends[0], ends[1], 1001), torch.zeros(1)])
    integers = to_integers(x, scale, -zero, steps - zero)
    assert integers[-1] == 0
    slack = 1 + 2.0**-7  # float32 division and multiplication, at up to 2^16 steps
    assert float((integers * scale - x).abs().max()) <= 0.5 * slack * float(scale) + 1e-12
    stored = integers + zero
    assert stored.min() >= 0
    assert stored.max() <= steps
    if max(ends) > 0:
        assert stored.max() - stored.min() >= (steps - 1) // (2 if power_of_two else 1)  # no finer scale would hold the range
    assert not power_of_two or float(torch.frexp(scale).mantissa) == 0.5
