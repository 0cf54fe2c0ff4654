"""The table of operators: ONNX's name -> its handler, which reads a `Site` and gives the value of each output."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtzoo.foreign.site import Site
    from mtzoo.foreign.views import View

Handler = Callable[["Site"], "View | list[View]"]
OPERATORS: dict[str, Handler] = {}


def operator(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler."""
    def register(handler: Handler) -> Handler:
        OPERATORS.update(dict.fromkeys(names, handler))
        return handler
    return register
