"""The network as a program: calls of leaves in execution order, with their shapes, grids and channels."""

from mtzoo.graph.drop import drop_block
from mtzoo.graph.grids import (
           grids,
           producers,
           rounded_before_skip,
           rounding_calls,
           rounding_joins,
           sharing_groups,
           signs,
)
from mtzoo.graph.program import IMAGES, Call, Program, read_program, trace
from mtzoo.graph.shapes import output_positions, result_shapes

__all__ = ["IMAGES", "Call", "Program", "drop_block", "grids", "output_positions", "producers", "read_program", "result_shapes",
           "rounded_before_skip", "rounding_calls", "rounding_joins", "sharing_groups", "signs", "trace"]
