"""Convolutions whose sums would pass 2^24, computed in parts over the input channels.

Each part stays within 2^24 and is rounded half to even to a grid 2^shift times coarser before the parts are added: so every
intermediate integer fits into a float32, in whatever order an executor adds. The one rounding more for each part is far below a step
of an 8-bit result.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtzoo.ops.exact import EXACT_LIMIT

MOST_PARTS, MOST_BITS = 64, 16


@dataclass(frozen=True)
class Parts:
    """cuts: first input channel of each part, and the end; shift: bits that each part's sum is rounded by; largest: (C_out,) float64,
    the largest |sum| of all, in steps of the finest grid that it is made of."""

    cuts: tuple[int, ...]
    shift: int
    largest: Tensor = field(compare=False, repr=False)

    @property
    def count(self) -> int:
        return len(self.cuts) - 1

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """(first channel, end) of each part."""
        return list(zip(self.cuts, self.cuts[1:]))


def plan_parts(weight: Tensor, bias: Tensor, ends: tuple[float, float], skip: tuple[Tensor | float, Tensor | float] = (0, 0),
               skip_step: Tensor | float = 1.0, groups: int = 1) -> Parts | None:
    """The fewest parts of equal size that keep every sum exact; None if there are none. With groups, and where it is not the weights
    that make the sum too large, there is one part at most.

    weight: (C_out, C_in / groups, kh, kw) integers; bias: (C_out,) in steps of a product, it belongs to the first
    part; ends: the smallest and the largest input; skip: the smallest and largest value that is added to the sum, and skip_step what
    its integers are made of, all in steps of a product.
    """
    low, high = ends
    positive = weight.clamp(min=0).sum((2, 3)).double()  # of a few taps: exact in any type
    negative = positive - weight.sum((2, 3)).double()
    above, below = high * positive - low * negative, high * negative - low * positive  # (C_out, C_in)
    channels = weight.shape[1]
    wide = groups == 1 and float(torch.maximum(above.sum(1), below.sum(1)).max()) > EXACT_LIMIT
    for count in range(1, min(MOST_PARTS, channels) + 1 if wide else 2):
        cuts = tuple(round(i * channels / count) for i in range(count + 1))
        sums = _sums(above, below, bias.double(), cuts)
        if float(sums.max()) > EXACT_LIMIT:
            continue
        for shift in range(1, MOST_BITS) if count > 1 else (0,):
            total = _total(sums, skip, skip_step, shift)
            if float(total.max()) <= EXACT_LIMIT:
                return Parts(cuts, shift, total)
    return None


def _sums(above: Tensor, below: Tensor, bias: Tensor, cuts: tuple[int, ...]) -> Tensor:
    """(2, parts, C_out): how far above 0 the sum of each part can reach, and how far below."""
    up, down = (torch.stack([x[:, first:end].sum(1) for first, end in zip(cuts, cuts[1:])]) for x in (above, below))
    up[0] += bias.clamp(min=0)
    down[0] += (-bias).clamp(min=0)
    return torch.stack([up, down])


def _total(sums: Tensor, skip: tuple[Tensor | float, Tensor | float], skip_step: Tensor | float, shift: int) -> Tensor:
    """(C_out,) the largest |sum| of the rounded parts and the skip, in steps of the finer of their grids."""
    lowest, highest, step = (torch.as_tensor(x, dtype=torch.float64, device=sums.device) for x in (*skip, skip_step))
    rounding = 2.0 ** (shift - 1) if shift else 0.0
    unit = torch.where(torch.maximum(highest, -lowest) > 0, step.clamp(max=2.0**shift), torch.full_like(step, 2.0**shift))
    up, down = (sums + rounding).sum(1)
    return torch.maximum(up + highest, down - lowest) / unit
