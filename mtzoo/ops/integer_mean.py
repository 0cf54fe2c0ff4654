"""Means of integers by one product and a shift: executors divide in different ways, but they all multiply alike.

S / n becomes round(S * before) * after, with before a power of two and after = multiplier * 2^-SHIFT; no integer passes 2^24. The first
rounding leaves SUM_BITS bits of the sum, so that 10 bits or more are there for the multiplier: together they are at most 0.2 of 255
steps off. A sum that has no more bits, or one over a power of two of values, is not rounded at all.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SHIFT = 16
SUM_BITS = 14
TOP = 255
"""The largest |integer| of a map of 8 bits."""


@dataclass(frozen=True)
class MeanFactors:
    """Of one or many means, float64: what the sum is multiplied with before its rounding, and after."""

    before: Tensor
    after: Tensor

    @property
    def rounds_sum(self) -> bool:
        return bool((self.before < 1).any())

    def largest(self, cells: Tensor, top: int) -> float:
        """The largest integer that the means meet. cells: of how many values each one is; top: the largest |value|."""
        sums = (top * cells).double()
        products = torch.round(sums * self.before) * self.after * 2.0**SHIFT
        return float(torch.maximum(products, sums).max())


def mean_factors(cells: Tensor) -> MeanFactors:
    """cells: int64, of how many values each mean is, at least 1."""
    cells = cells.double()
    bits = torch.frexp(TOP * cells).exponent  # 2^bits is above the largest sum
    is_power = torch.frexp(cells).mantissa == 0.5
    drop = torch.where(is_power, 0, (bits - SUM_BITS).clamp(min=0)).double()
    multiplier = torch.round(torch.exp2(drop + SHIFT) / cells)
    return MeanFactors(torch.exp2(-drop), multiplier * 2.0**-SHIFT)
