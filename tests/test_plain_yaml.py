from pathlib import Path

import pytest

from mtzoo.errors import UserError
from mtzoo.plain_yaml import parse_yaml

FILE = Path("data.yaml")


def test_plain_values():
    assert parse_yaml("names: [car, 'no']\nshape: null\nval: 0.5\n", FILE) == {"names": ["car", "no"], "shape": None, "val": 0.5}


@pytest.mark.parametrize(("text", "why"), [
    ("a: &a [0, 0]\nb: &b [*a, *a]\n", r"line 2: an alias, \*a; write the value in its place"),
    ("a: [", "while parsing"),
    ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ("a: 2024-13-45", "month must be in"),
    ("[" * 5000, "depth|recursion"),
])
def test_what_is_not_read_is_one_line(text, why):
    with pytest.raises(UserError, match=rf"^data\.yaml: not YAML \(.*({why}).*\); fix or restore it$"):
        parse_yaml(text, FILE)
