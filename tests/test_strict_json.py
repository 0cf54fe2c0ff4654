import json
import math

import pytest

from mtzoo import strict_json as module
from mtzoo.errors import UserError
from mtzoo.files import write_whole
from mtzoo.strict_json import JsonRows, json_chunks, strict_json, write_json


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


@pytest.mark.parametrize("in_memory", [1, 1 << 20])
def test_rows_that_waited_on_disk_or_in_memory_are_written_as_a_list(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr(module, "IN_MEMORY", in_memory)
    rows, frames, none = (JsonRows(tmp_path, "") for _ in range(3))
    for number in range(3):
        frames.add({"frame": number, "seconds": math.nan})
    rows.add({"file": "straße", "boxes": [[1.5, 2]]})
    rows.add({"file": "clip", "frames": frames})
    write_whole(tmp_path / "a.json", json_chunks({"model": "m", "rows": rows, "none": none}), "")
    wanted = {"model": "m", "none": [], "rows": [{"file": "straße", "boxes": [[1.5, 2]]},
                                                 {"file": "clip", "frames": [{"frame": n, "seconds": None} for n in range(3)]}]}
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=refuse) == wanted
    assert json.loads(b"".join(json_chunks({}))) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_row_that_an_interrupt_cut_off_is_not_there(tmp_path, monkeypatch):
    rows, whole = JsonRows(tmp_path, ""), module.json_chunks
    rows.add({"row": 1})

    def cut_off(values):
        yield next(whole(values))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "json_chunks", cut_off)
    with pytest.raises(KeyboardInterrupt):
        rows.add({"row": "of some length"})
    monkeypatch.undo()
    assert json.loads(b"".join(json_chunks({"rows": rows}))) == {"rows": [{"row": 1}]}
    rows.add({"row": 2})
    assert json.loads(b"".join(json_chunks({"rows": rows}))) == {"rows": [{"row": 1}, {"row": 2}]}
    assert rows.count == 2
