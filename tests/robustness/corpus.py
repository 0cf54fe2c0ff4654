"""How a table of hostile inputs becomes tests: some run always, all with the marker `fuzz`."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest


def cases(table: Mapping[str, Any], quick: Collection[str]) -> list[Any]:
    """A parameter set (name, value) of each entry; those not named in `quick` have the marker."""
    assert set(quick) <= set(table), set(quick) - set(table)
    return [pytest.param(name, value, id=name, marks=[] if name in quick else [pytest.mark.fuzz]) for name, value in table.items()]


class Code:
    """What a pickle of it would run: it makes the file `owned` in the working folder."""

    def __reduce__(self) -> tuple:
        import os

        return os.system, ("touch owned",)


def many_from_few(levels: int) -> list:
    """A list that is small in memory and has 2^levels leaves for whom follows its references."""
    value: list = [0]
    for _ in range(levels):
        value = [value, value]
    return value
