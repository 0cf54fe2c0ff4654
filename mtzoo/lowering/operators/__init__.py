"""One handler per operator of PyTorch, by concern. Importing this package fills the table."""

from mtzoo.lowering.operators import activations, arithmetic, channels, convolutions, identities, pools, sizes
from mtzoo.lowering.operators.table import OPERATORS

__all__ = ["OPERATORS", "activations", "arithmetic", "channels", "convolutions", "identities", "pools", "sizes"]
