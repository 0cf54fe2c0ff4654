"""The table of operators: ONNX's name -> its handler, which reads a `Site` and gives the value of each output."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from mtzoo.lowering.operators.table import registering

if TYPE_CHECKING:
    from mtzoo.foreign.site import Site
    from mtzoo.foreign.views import View

Handler = Callable[["Site"], "View | list[View]"]
OPERATORS: dict[str, Handler] = {}
operator = registering(OPERATORS)
"""Registers a handler for ONNX operators, by their names."""
