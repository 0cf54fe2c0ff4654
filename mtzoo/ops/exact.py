"""How far float32 is exact."""

EXACT_LIMIT = 2**24
"""float32 holds every integer up to this, so sums that stay within it are exact."""
