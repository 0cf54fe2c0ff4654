import json
import math

import pytest

from mtzoo.errors import UserError
from mtzoo.strict_json import strict_json, write_json


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def test_numbers_that_are_not_finite_become_null(tmp_path):
    write_json(tmp_path / "a" / "b.json", {"a": math.nan, "b": [1.5, math.inf, (-math.inf, 2)], "c": {"d": "NaN"}}, "")
    read = json.loads((tmp_path / "a" / "b.json").read_text(), parse_constant=refuse)
    assert read == {"a": None, "b": [1.5, None, [None, 2]], "c": {"d": "NaN"}}


def test_the_short_form_has_no_spaces_and_keeps_the_order_unless_asked():
    assert strict_json({"b": [1, 2], "a": True}) == '{"b":[1,2],"a":true}'
    assert strict_json({"b": [1, 2], "a": True}, sort_keys=True) == '{"a":true,"b":[1,2]}'


def test_a_place_that_cannot_be_written_is_told_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written.*choose another --json"):
        write_json(tmp_path / "file" / "a.json", {}, "choose another --json")
