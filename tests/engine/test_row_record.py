from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from mtzoo.engine.row_record import load_rows, save_rows
from mtzoo.errors import UserError


@dataclass(frozen=True)
class Part:
    milliseconds: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    name: str
    hw: tuple[int, int]
    parts: Mapping[str, Part] = field(default_factory=dict)
    why: str | None = None


def test_rows_come_back_as_they_were(tmp_path):
    path = tmp_path / "record.json"
    rows = [Row("a", (1, 2), {"x": Part({"y": 0.5})}), Row("b", (3, 4), why="no")]
    assert load_rows(path, Row, "verb") == []
    save_rows(path, rows)
    assert load_rows(path, Row, "verb") == rows


@pytest.mark.parametrize("text", ['{"a": 1}', '[{"name": "a"}]', '[{"name": 3, "hw": [1, 2]}]'])
def test_another_file_is_no_record(text, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"record.json: no record of `mtzoo verb`.*remove it, or choose another place"):
        load_rows(path, Row, "verb")
