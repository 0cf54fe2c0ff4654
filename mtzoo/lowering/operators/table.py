"""The table of operators: PyTorch's module class, function or method name -> its handler.

A handler has the arguments of the operator, after the `Site` where it stands. Handlers of modules find theirs in `site.module`.
"""

from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]
OPERATORS: dict[Any, Handler] = {}


def operator(*keys: Any) -> Callable[[Handler], Handler]:
    """Register a handler for module classes, functions, and names of tensor methods."""
    def register(handler: Handler) -> Handler:
        OPERATORS.update(dict.fromkeys(keys, handler))
        return handler
    return register


def pair(value: Any) -> tuple[int, int]:
    """2 -> (2, 2)."""
    a, b = value if isinstance(value, list | tuple) and len(value) == 2 else (value, value)
    if isinstance(a, list | tuple):  # [2]
        a = b = a[0]
    return int(a), int(b)
