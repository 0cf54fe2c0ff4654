"""Config data as plain values: what JSON can hold, of a depth and with numbers that are meant."""

import math
from collections.abc import Mapping
from typing import Any

from mtzoo.errors import UserError, cut, shown

MAX_DEPTH = 40
"""Dicts and lists inside one another. Real configs have six."""
MAX_VALUES = 1_000_000
"""In all. Lists that hold one another several times grow without end when they are copied."""
MAX_INTEGER = 1 << 63


def plain(values: object, where: str = "") -> Any:
    """A copy of config data as JSON would give it back: dicts with text keys, lists, texts, finite numbers, booleans, None.

    Raises UserError naming the key of anything else, and of what is deeper or larger than any config.
    """
    check_extent(values, where or "config")
    return _plain(values, where)


def check_extent(values: object, where: str, most: int = MAX_VALUES) -> None:
    """Raises UserError for data nested deeper than MAX_DEPTH, or of more than `most` values.

    A container that others hold several times counts each time, but is walked once.
    """
    known: dict[int, tuple[int, int]] = {}

    def extent(value: object, depth: int) -> tuple[int, int]:
        """(values, levels of containers) of one value."""
        if not isinstance(value, dict | list | tuple | Mapping):
            return 1, 0
        if id(value) not in known:
            items = value.values() if isinstance(value, Mapping) else value
            inside = [extent(item, depth + 1) for item in items] if depth < MAX_DEPTH and len(value) <= most else []
            levels = max((levels for _, levels in inside), default=0)
            known[id(value)] = 1 + max(len(value), sum(count for count, _ in inside)), 1 + levels
        count, levels = known[id(value)]
        if depth + levels > MAX_DEPTH:
            raise UserError(f"{cut(where)}: nested more than {MAX_DEPTH} deep, which no valid input has")
        if count > most:
            raise UserError(f"{cut(where)}: more than {most:,} values, which no valid input has")
        return count, levels

    extent(values, 0)


def _plain(values: object, where: str) -> Any:
    if isinstance(values, Mapping):
        return {str(key): _plain(value, f"{where}.{key}" if where else str(key)) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_plain(value, f"{where}[{i}]") for i, value in enumerate(values)]
    if isinstance(values, float) and not math.isfinite(values):
        raise UserError(f"{cut(where)}={values}: expected a finite number")
    if isinstance(values, int) and abs(values) >= MAX_INTEGER:
        raise UserError(f"{cut(where)}: a number of more than 63 bits; expected a smaller one")
    if values is None or isinstance(values, bool | int | float | str):
        return values
    raise UserError(f"{cut(where)}={shown_object(values)}: a config holds texts, numbers, booleans, None, lists and dicts only")


def shown_object(value: object) -> str:
    """Any Python value for a message, on one line."""
    return shown(value) if isinstance(value, str | list | dict) else " ".join(repr(value).split())[:80]
