"""A JSON file of rows that a long command goes on from and keeps its results in."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from mtzoo.data.json_file import read_json
from mtzoo.deploy.file import DISK_ADVICE
from mtzoo.errors import UserError
from mtzoo.plain_data import build
from mtzoo.strict_json import write_json

Row = TypeVar("Row")
REMOVE = "remove it, or choose another place"


def load_rows(path: Path, row: type[Row], verb: str) -> list[Row]:
    """What an earlier run of `mtzoo verb` has written; [] if there is no file. row: a dataclass.

    Raises UserError for a file that is none.
    """
    if not path.exists():
        return []
    what = f"record of `mtzoo {verb}`"
    values = read_json(path, what, REMOVE)
    if not isinstance(values, list):
        raise UserError(f"{path}: no {what}; {REMOVE}")
    try:
        return [build(row, value, f"[{i}]") for i, value in enumerate(values)]
    except UserError as error:
        raise UserError(f"{path}: no {what} ({error}); {REMOVE}") from error


def save_rows(path: Path, rows: Iterable[Any]) -> None:
    """Write what has been found so far."""
    write_json(path, [asdict(row) for row in rows], DISK_ADVICE)
