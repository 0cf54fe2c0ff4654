"""Bilinear enlargement with exact weights: half-pixel centres, by a power of two."""

FACTORS = (1, 2, 4, 8, 16)


def bilinear_bits(factor: int) -> int:
    """Bits that it adds to an integer: a weight is a multiple of 1 / (2 factor) along each of the two axes."""
    return 0 if factor == 1 else 2 * factor.bit_length()
