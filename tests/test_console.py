import io
import re
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from mtzoo.console import FILE_WIDTH, PlainConsole, note, numbered, say
from mtzoo.progress import counted, show_progress

PACKAGE = Path(__file__).resolve().parents[1] / "mtzoo"
AS_THEY_ARE = ["car [big]", "[/b]x", "[red]", ":car:", "\\[b]", "[link=file:///]", "100 'x' 1e5 True", "straße 路牌",
               "e\u200dmoji", "a\u3000b"]
ESCAPED = [("\x1b[31mred", "\\x1b[31mred"), ("a\nb\r\tc", "a\\nb\\r\\tc"), ("nul\0", "nul\\x00"), ("\u202etxt.exe", "\\u202etxt.exe"),
           ("\u2066x\u2028", "\\u2066x\\u2028"), ("caf\udce9", "caf\\udce9"),
           ("\x9b31m", "\\x9b31m"), ("bell\x07\x08", "bell\\x07\\x08")]
NAMES = [*((name, name) for name in AS_THEY_ARE), *ESCAPED]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_a_name_is_printed_as_it_is_in_lines_and_tables(capsys, name, shown):
    say(f"saved {name}")
    table = Table("task", name, title=name, caption=name)
    table.add_row(name, "1")
    say(table)
    note(f"skipped: {name}")
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"saved {shown}"
    assert out.count(shown) == 5
    assert err == f"skipped: {shown}\n"
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out + err)


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_a_name_is_printed_as_it_is_in_a_progress_bar(capsys, name, shown):
    with show_progress(f"checking {name}") as on_progress:
        assert list(counted("ab", on_progress)) == ["a", "b"]
        on_progress.note(f"error: {name}")
    err = capsys.readouterr().err
    assert f"error: {shown}" in err
    assert f"checking {shown}" in err
    assert "2/2" in err


def test_a_style_is_an_argument():
    console = PlainConsole(file=io.StringIO())
    console.print(Text("[b]", style="bold"), "x", style="red")
    assert console.file.getvalue() == "[b] x\n"


def test_a_pipe_cuts_nothing(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    name = "x" * (FILE_WIDTH // 2)
    table = Table("class")
    table.add_row(name)
    say(table)
    say(name * 3)
    assert f"│ {name} │" in (out := capsys.readouterr().out)
    assert out.splitlines()[-1] == name * 3


def test_a_stream_that_is_no_unicode_gets_escapes():
    raw = io.BytesIO()
    console = PlainConsole(file=io.TextIOWrapper(raw, encoding="ascii"))
    table = Table("name")
    table.add_row("straße")
    console.print(table)
    console.print("路")
    console.file.flush()
    assert b"stra\\xdfe" in raw.getvalue()
    assert raw.getvalue().endswith(b"\\u8def\n")


def test_nothing_prints_in_another_way():
    """rich's own console would read names as markup, print() would send control characters to the terminal."""
    allowed = {"console.py", "cli/main.py"}
    pattern = re.compile(r"(?<![\w.])print\(|rich\.console|(?<!Plain)Console\(|\btrack\(")
    found = {str(p.relative_to(PACKAGE)) for p in PACKAGE.rglob("*.py") if pattern.search(p.read_text())}
    assert found - allowed == set()


@pytest.mark.parametrize(("count", "said"), [(0, "0 threads"), (1, "1 thread"), (1200, "1,200 threads")])
def test_a_number_and_its_noun(count, said):
    assert numbered(count, "thread") == said
