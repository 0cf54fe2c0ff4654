"""Two columns of text."""

import pytest

from mtzoo.cli import main as cli
from mtzoo.cli.columns import two_columns

ROWS = {"a": "one two three four five", "long": "six"}


def test_a_text_that_is_too_long_goes_on_below_itself(monkeypatch):
    monkeypatch.setenv("COLUMNS", "28")
    assert two_columns(ROWS) == ["  a     one two three four", "        five", "  long  six"]
    monkeypatch.setenv("COLUMNS", "500")
    assert two_columns(ROWS) == ["  a     one two three four five", "  long  six"]


@pytest.mark.parametrize("columns", ["60", "80"])
@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["hardware"]])
def test_no_table_is_wider_than_the_terminal(arguments, columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main(arguments) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith((" ", "│", "┃"))]
    assert len(rows) > 10
    assert [row for row in rows if len(row) > int(columns)] == []
