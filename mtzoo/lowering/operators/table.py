"""The table of operators: PyTorch's module class, function or method name -> its handler.

A handler has the arguments of the operator, after the `Site` where it stands. Handlers of modules find theirs in `site.module`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from mtzoo.lowering.meta import BY_IMAGE, ELEMENTWISE

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)
K = TypeVar("K")


def registering(table: dict[K, H]) -> Callable[..., Callable[[H], H]]:
    """A decorator with arguments, @operator(key, ...), that puts a handler into the table under each key."""
    def operator(*keys: K) -> Callable[[H], H]:
        def register(handler: H) -> H:
            table.update(dict.fromkeys(keys, handler))
            return handler
        return register
    return operator


OPERATORS: dict[Any, Handler] = {}
operator = registering(OPERATORS)
"""Registers a handler for module classes, functions, and names of tensor methods."""


def elementwise(*keys: Any) -> Callable[[H], H]:
    """`operator` for those whose results have the shape to which all that they read broadcasts."""
    ELEMENTWISE.update(keys)
    return operator(*keys)


def by_image(*keys: Any) -> Callable[[H], H]:
    """`operator` for those that treat each image by itself, and read no weights."""
    BY_IMAGE.update(keys)
    return operator(*keys)


def pair(value: Any) -> tuple[int, int]:
    """2 -> (2, 2)."""
    a, b = value if isinstance(value, list | tuple) and len(value) == 2 else (value, value)
    if isinstance(a, list | tuple):  # [2]
        a = b = a[0]
    return int(a), int(b)
