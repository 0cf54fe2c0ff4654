"""How far float32 is exact."""

import math

EXACT_LIMIT = 2**24
"""float32 holds every integer up to this, so sums that stay within it are exact."""


def is_power_of_two(scale: float) -> bool:
    """Whether products with it round nothing."""
    return math.frexp(scale)[0] == 0.5
