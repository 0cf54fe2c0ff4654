"""The Python reference shows all that `import mtzoo` offers, and each docstring describes every parameter or field."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

import mtzoo

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference.md").read_text()
SHOWN = re.findall(r"^::: mtzoo\.(\S+)", PAGE, re.MULTILINE)


def found(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"mtzoo.{module}"), name)


def described(thing, section):
    """The names in a section of a docstring."""
    body = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", inspect.getdoc(thing) or "", re.MULTILINE)
    return re.findall(r"^    (\w+): ", body[1], re.MULTILINE) if body else []


def members(cls):
    """Name -> what a class itself defines for its users: methods and properties."""
    return {name: value for name, value in vars(cls).items()
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | classmethod))}


def test_the_page_shows_what_is_exported():
    assert {found(path) for path in SHOWN} >= {getattr(mtzoo, name) for name in mtzoo.__all__}


@pytest.mark.parametrize("path", SHOWN)
def test_every_parameter_and_field_is_described(path):
    thing = found(path)
    if inspect.isfunction(thing):
        assert described(thing, "Args") == list(inspect.signature(thing).parameters)
        return
    if dataclasses.is_dataclass(thing):
        assert set(described(thing, "Attributes")) == {field.name for field in dataclasses.fields(thing)}
    elif issubclass(thing, tuple):
        assert described(thing, "Attributes") == list(thing._fields)
    elif not issubclass(thing, Exception):
        described_ones = described(thing, "Args") or described(thing.__init__, "Args")
        assert described_ones == list(inspect.signature(thing).parameters)
    assert [name for name, value in members(thing).items() if not inspect.getdoc(value)] == []
