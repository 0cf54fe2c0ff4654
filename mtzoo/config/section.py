"""A YAML file of sections that another toolkit wrote, read key by key, so that no key of it is passed over in silence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtzoo.errors import UserError, did_you_mean, listed, shown
from mtzoo.files import read_whole
from mtzoo.plain_data import convert
from mtzoo.plain_yaml import parse_yaml

MAX_BYTES = 1 << 20


def read_sections(path: Path, what: str) -> dict[str, Any]:
    """The top level of a YAML file. what: it is, for messages. "None", which is no YAML but Python, is read as null.

    Raises UserError for a file that cannot be read, is no YAML, or no mapping of names.
    """
    content = read_whole(path, what, MAX_BYTES, "check its path")
    values = parse_yaml(content.decode("utf-8-sig", errors="replace"), path)
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UserError(f"{path}: no {what}; expected names with a colon at the beginning of its lines")
    return _without_none(values)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return None if value == "None" else value


class Section:
    """One section of a file; without a name its top level. notes: takes a line for each key that changes nothing or means something
    else here.

    Raises UserError for a section that is no mapping.
    """

    def __init__(self, path: Path, name: str, values: object, notes: list[str]) -> None:
        if values is None:
            values = {}
        if not isinstance(values, Mapping):
            raise UserError(f"{path}: {name}={shown(values)}: expected keys with values below it")
        self.path, self.name, self.values, self.notes = path, name, values, notes
        self.asked: set[str] = set()

    def where(self, key: str) -> str:
        return f"{self.path}: {self.name}.{key}" if self.name else f"{self.path}: {key}"

    def has(self, key: str) -> bool:
        """Whether the key has a value that is not null."""
        self.asked.add(key)
        return self.values.get(key) is not None

    def take(self, key: str, hint: Any, default: Any) -> Any:
        """The key's value, of the annotated type `hint`, or `default`."""
        return convert(hint, self.values[key], self.where(key)) if self.has(key) else default

    def fraction(self, key: str, default: float | None) -> float | None:
        """A number between 0 and 1, both excluded."""
        value = self.take(key, float, default)
        if value is not None and not 0 < value < 1:
            raise self.fault(key, "expected a share between 0 and 1")
        return value

    def count(self, key: str, default: int | None, least: int = 1) -> int | None:
        """A whole number of `least` or more."""
        value = self.take(key, int, default)
        if value is not None and value < least:
            raise self.fault(key, f"must be at least {least}")
        return value

    def fault(self, key: str, why: str) -> UserError:
        """What to raise for a value that cannot be."""
        return UserError(f"{self.where(key)}={shown(self.values.get(key))}: {why}")

    def note(self, key: str, text: str) -> None:
        self.notes.append(f"{self.where(key)}: {text}")

    def tell(self, keys: Sequence[str], why: str) -> None:
        """One note for those of `keys` that are given and not switched off: they change nothing."""
        given = [key for key in keys if self.has(key) and self.values[key] is not False]
        if given:
            self.notes.append(f"{self.path}: {self.name}: {listed(given)}: changes nothing; {why}")

    def finish(self) -> None:
        """Raises UserError for a key that nobody has asked for."""
        for key in self.values:
            if key not in self.asked:
                raise UserError(f"{self.where(str(key))}: unknown key{did_you_mean(str(key), self.asked)}")

    def child(self, key: str) -> "Section | None":
        """A section in this one."""
        return Section(self.path, f"{self.name}.{key}", self.values[key], self.notes) if self.has(key) else None
