"""Ordinary PyTorch modules become networks of leaves: trace, read operators into steps, fuse, build."""

from mtzoo.lowering.lower import EXAMPLE_HW, lower, lower_list, parts_of
from mtzoo.lowering.lowered import Lowered
from mtzoo.lowering.nodes import as_leaves

__all__ = ["EXAMPLE_HW", "Lowered", "as_leaves", "lower", "lower_list", "parts_of"]
