"""How the mistakes of an evaluation are drawn."""

WORST = 8
"""Images of each task."""
