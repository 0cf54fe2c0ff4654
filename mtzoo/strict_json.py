"""JSON that every reader takes: no NaN and no infinity, which JSON lacks, and written whole."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from mtzoo.files import write_whole


def write_json(path: Path, values: object, advice: str) -> None:
    """Write `values` as indented JSON, whole or not at all. Numbers that are not finite become null.

    Makes the folder. Raises UserError with `advice`, e.g. "choose another --out", where `path` cannot be written.
    """
    write_whole(path, strict_json(values, indent=1).encode(), advice)


def strict_json(values: object, *, indent: int | None = None, sort_keys: bool = False, ascii_only: bool = True) -> str:
    """`values` as JSON, without an indent as short as it can be. Numbers that are not finite become null."""
    separators = (",", ":") if indent is None else None
    return json.dumps(without_nan(values), allow_nan=False, ensure_ascii=ascii_only, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def without_nan(value: object) -> object:
    """The same plain data with None for every number that is not finite."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
