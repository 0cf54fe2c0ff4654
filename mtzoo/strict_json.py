"""JSON that every reader takes: no NaN and no infinity, which JSON lacks, and written whole."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile

from mtzoo.files import cannot_write, write_whole

IN_MEMORY = 1 << 20
"""Bytes of a list that wait in memory."""


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


class JsonRows:
    """A list on its way into a JSON file. Its items wait as text, many of them in a temporary file: memory does not grow with them."""

    def __init__(self, folder: Path, advice: str) -> None:
        """folder: of the temporary file, there when it is needed; advice: for a disk that is full."""
        self.folder, self.advice, self.count, self._end = folder, advice, 0, 0
        self._file = SpooledTemporaryFile(IN_MEMORY, dir=folder)  # noqa: SIM115 it is closed when nobody has the list any more

    def add(self, row: Mapping[str, object]) -> None:
        """row: plain data, of which a value may be a list like this one. Raises UserError where it cannot be written."""
        try:
            self._file.seek(self._end)  # what an interrupt has cut off is written over
            self._file.writelines([b",\n"] * bool(self.count))
            self._file.writelines(json_chunks(row))
        except OSError as error:
            raise cannot_write(self.folder, error, self.advice) from error
        self.count, self._end = self.count + 1, self._file.tell()

    def chunks(self) -> Iterator[bytes]:
        """The text of all items, a comma between two."""
        self._file.seek(0)
        while chunk := self._file.read(min(IN_MEMORY, self._end - self._file.tell())):
            yield chunk


def json_chunks(values: Mapping[str, object]) -> Iterator[bytes]:
    """A JSON object in pieces, each item of a `JsonRows` on a line of its own."""
    for number, (key, value) in enumerate(values.items()):
        yield f"{',' if number else '{'}{strict_json(key)}:".encode()
        if isinstance(value, JsonRows):
            yield b"[\n"
            yield from value.chunks()
            yield b"]"
        else:
            yield strict_json(value).encode()
    yield b"}" if values else b"{}"
