"""The Python reference shows all that `import mtzoo` offers, the config page all that a config names by `type`, and each docstring on
them describes every parameter or field."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

import mtzoo
from mtzoo.config.overrides import TOP_KEYS
from mtzoo.data.sources import SOURCES
from mtzoo.registry import LOSSES, NODES

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE, CONFIG_KEYS = (re.findall(r"^::: mtzoo\.(\S+)", (DOCS / page).read_text(), re.MULTILINE)
                          for page in ("reference.md", "config_keys.md"))
FILE_KEYS = {"data_root", "nodes", "sources"}
"""Keys of a config file that a resolved config does not have."""
FOREIGN_NODE = "LeafGraph"
"""What a network that was not trained with mtzoo is rebuilt from; no config names it."""


def found(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"mtzoo.{module}" if module else "mtzoo"), name)


def described(thing, section):
    """The names in a section of a docstring."""
    body = re.search(rf"^{section}:\n((?:    .*\n?|\n)+)", inspect.getdoc(thing) or "", re.MULTILINE)
    return re.findall(r"^    (\w+): ", body[1], re.MULTILINE) if body else []


def members(cls):
    """Name -> what a class itself defines for its users: methods and properties."""
    return {name: value for name, value in vars(cls).items()
            if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property | classmethod))}


def test_the_reference_shows_what_is_exported():
    assert {found(path) for path in REFERENCE} >= {getattr(mtzoo, name) for name in mtzoo.__all__}


def test_the_config_page_shows_what_a_config_can_name():
    NODES.import_from_location()
    LOSSES.import_from_location()
    named = {**SOURCES, **LOSSES.module_dict, **NODES.module_dict}
    ours = {cls for name, cls in named.items() if name != FOREIGN_NODE and cls.__module__.startswith("mtzoo.")}  # tests register, too
    assert {found(path) for path in CONFIG_KEYS} >= ours
    assert FILE_KEYS | set(described(mtzoo.ExperimentConfig, "Attributes")) >= set(TOP_KEYS)


@pytest.mark.parametrize("path", sorted({*REFERENCE, *CONFIG_KEYS}))
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
        parameters = described(thing, "Args") or described(thing.__init__, "Args")
        assert parameters == list(inspect.signature(thing).parameters)
    if path in REFERENCE:
        assert [name for name, value in members(thing).items() if not inspect.getdoc(value)] == []
