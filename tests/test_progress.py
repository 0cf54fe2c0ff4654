import io

import pytest

from mtzoo import progress as module
from mtzoo.console import PlainConsole
from mtzoo.progress import counted, follows_console, format_seconds, show_progress, shown_if


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40"), (90000, "25:00:00")])
def test_seconds_as_a_clock(seconds, text):
    assert format_seconds(seconds) == text


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when they are told to."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then_with_what_is_left(clock, capsys):
    with show_progress("verifying", transient=True) as on_progress:
        for _ in counted(range(60), on_progress):
            clock[0] += 4.0
    assert capsys.readouterr().err == ("verifying: 3 of 60, 3:48 to go\nverifying: 8 of 60, 3:28 to go\n"
                                       "verifying: 18 of 60, 2:48 to go\nverifying: 33 of 60, 1:48 to go\n"
                                       "verifying: 48 of 60, 0:48 to go\n")


def test_work_of_an_unknown_length_has_no_end(clock, capsys):
    with show_progress("reading", transient=True) as on_progress:
        clock[0] += 11.0
        on_progress(1200, None)
    assert capsys.readouterr().err == "reading: 1,200\n"


def test_what_is_quick_says_nothing_in_a_log(clock, capsys):
    with show_progress("verifying", transient=True) as on_progress:
        assert list(counted(iter("abc"), on_progress, total=3)) == ["a", "b", "c"]
        clock[0] += 9.0
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def as_terminal(monkeypatch):
    """What stderr is now."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_terminal_gets_a_bar_and_no_lines(clock, monkeypatch):
    terminal = as_terminal(monkeypatch)
    with show_progress("verifying") as on_progress:
        clock[0] += 60.0
        on_progress(2, 4)
    assert "2/4" in terminal.getvalue()
    assert "to go" not in terminal.getvalue()


def test_work_inside_other_work_is_a_line_of_the_same_display(monkeypatch):
    terminal = as_terminal(monkeypatch)
    with show_progress("checking") as outer:
        outer(1, 3)
        with show_progress("rendering") as inner:
            inner(2, 7)
            assert [task.description for task in outer.bar.tasks] == ["checking", "rendering"]
        outer(3, 3)
    assert inner.bar is outer.bar
    assert [task.description for task in outer.bar.tasks] == ["checking"]
    assert "3/3" in terminal.getvalue()


@follows_console
def recipe(*, console=None):
    with show_progress("reading", transient=True) as on_progress:
        on_progress.note("a line")
    return 7


def test_a_recipe_with_a_quiet_console_shows_no_progress(capsys):
    assert recipe(console=PlainConsole(quiet=True)) == 7
    assert capsys.readouterr() == ("", "")
    with shown_if(False):
        recipe()
    assert capsys.readouterr() == ("", "")
    recipe()
    assert capsys.readouterr().err == "a line\n"
