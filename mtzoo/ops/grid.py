"""The integers that a feature map is made of."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """value = integer * 2^exponent.

    exponent: () int32 for 8-bit results, (C,) int32 for accumulators; low, high: what the integers are clamped to, None for
    accumulators.
    """

    exponent: Tensor
    low: int | None = None
    high: int | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Of the integers: uint8 or int8, int32 for accumulators."""
        return torch.int32 if self.low is None else torch.int8 if self.low < 0 else torch.uint8

    @property
    def scale(self) -> Tensor:
        """() or (C, 1, 1) float64, what one step is worth."""
        step = torch.exp2(self.exponent.double())
        return step if step.dim() == 0 else step.view(-1, 1, 1)

    @property
    def largest(self) -> float:
        """The largest |value|. Of grids of 8 bits."""
        return max(-self.low, self.high) * float(self.scale)

    def rounded(self, values: Tensor) -> Tensor:
        """float64 values -> the nearest integers of an 8-bit grid, half to even, clamped."""
        return torch.round(values / self.scale.to(values.device)).clamp(self.low, self.high).to(self.dtype)

    def same_as(self, other: "Grid") -> bool:
        """Whether both hold the same values as the same integers. Accumulators never do."""
        if self.low is None or other.low is None:
            return False
        return (int(self.exponent), self.low, self.high) == (int(other.exponent), other.low, other.high)
