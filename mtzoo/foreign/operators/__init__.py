"""One handler per operator of ONNX, by concern. Importing this package fills the table."""

from mtzoo.foreign.operators import convolutions, elementwise, moves, pools, sizes
from mtzoo.foreign.operators.table import OPERATORS

__all__ = ["OPERATORS", "convolutions", "elementwise", "moves", "pools", "sizes"]
