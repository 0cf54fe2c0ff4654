"""Config data as plain values: what JSON can hold, of a depth and with numbers that are meant."""

import math
from collections.abc import Mapping
from typing import Any

from mtzoo.errors import UserError, cut, shown

MAX_DEPTH = 40
"""Dicts and lists inside one another. Real configs have six."""
MAX_INTEGER = 1 << 63


def plain(values: object, where: str = "", depth: int = 0) -> Any:
    """A copy of config data as JSON would give it back: dicts with text keys, lists, texts, finite numbers, booleans, None.

    Raises UserError naming the key of anything else, and of what is nested deeper than MAX_DEPTH.
    """
    if isinstance(values, Mapping | list | tuple) and depth > MAX_DEPTH:
        raise UserError(f"{cut(where)}: nested more than {MAX_DEPTH} deep; a config is not")
    if isinstance(values, Mapping):
        return {str(key): plain(value, f"{where}.{key}" if where else str(key), depth + 1) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value, f"{where}[{i}]", depth + 1) for i, value in enumerate(values)]
    if isinstance(values, float) and not math.isfinite(values):
        raise UserError(f"{cut(where)}={values}: a finite number is wanted")
    if isinstance(values, int) and abs(values) >= MAX_INTEGER:
        raise UserError(f"{cut(where)}: a number of more than 63 bits; a smaller one is wanted")
    if values is None or isinstance(values, bool | int | float | str):
        return values
    raise UserError(f"{cut(where)}={shown_object(values)}: a config holds texts, numbers, booleans, None, lists and dicts only")


def shown_object(value: object) -> str:
    """Any Python value for a message, on one line."""
    return shown(value) if isinstance(value, str | list | dict) else " ".join(repr(value).split())[:80]
