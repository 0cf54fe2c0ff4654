"""How far a piece of work is and when it will end: a bar in a terminal, a line now and then in a log."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtzoo.console import PlainConsole
from mtzoo.errors import one_line, without_middle

FIRST_LINE, LINE_EVERY = 10.0, 60.0
"""Seconds to the first line where there is no terminal, and at most between two: each wait is twice as long as the one before."""
T, R = TypeVar("T"), TypeVar("R")
P = ParamSpec("P")
_shown: list[Progress] = []
"""What is on the screen: one display, in which work inside other work has a line of its own."""
_quiet: list[bool] = []
"""Whether nothing is shown at present, of each `shown_if` inside another."""


def format_seconds(seconds: float) -> str:
    """75 -> "1:15", 3700 -> "1:01:40"."""
    minutes, secs = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


class OnProgress:
    """Feeds (done, total) to a bar and remembers the total; None while it is not known."""

    def __init__(self, bar: Progress, title: str) -> None:
        self.bar, self.title, self.total = bar, one_line(title), 0
        self.task = bar.add_task(self.title, total=None)
        self._begun = self._told = time.monotonic()
        self._wait = FIRST_LINE

    def __call__(self, done: int, total: int | None) -> None:
        self.total = total or 0
        self.bar.update(self.task, completed=done, total=total)
        if not self.bar.console.is_terminal and done != total and time.monotonic() - self._told >= self._wait:
            self._tell(done)

    def _tell(self, done: int) -> None:
        self._told, self._wait = time.monotonic(), min(2 * self._wait, LINE_EVERY)
        left = (self._told - self._begun) / done * (self.total - done) if done and self.total else None
        of = f" of {self.total:,}" if self.total else ""
        self.note(f"{self.title}: {done:,}{of}" + ("" if left is None else f", {format_seconds(left)} to go"))

    def note(self, line: str) -> None:
        """Print one line on stderr, above the bar."""
        self.bar.console.print(without_middle(one_line(line)))


@contextmanager
def show_progress(title: str, *, transient: bool = False) -> Iterator[OnProgress]:
    """A bar with ETA on stderr, or where that is no terminal a line now and then; stdout is for results.

    transient: the bar is wiped away at the end, as is one inside another.
    """
    if _shown:
        inner = OnProgress(_shown[-1], title)
        try:
            yield inner
        finally:
            inner.bar.remove_task(inner.task)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = PlainConsole(stderr=True, quiet=any(_quiet))
    unseen = transient and not console.is_terminal  # the end of such a bar would be an empty line
    with Progress(*columns, console=console, transient=transient, disable=unseen) as bar:
        _shown.append(bar)
        try:
            yield OnProgress(bar, title)
        finally:
            _shown.remove(bar)


@contextmanager
def shown_if(seen: bool) -> Iterator[None]:
    """Inside of the block no progress is shown, nor a line of it, unless `seen`."""
    _quiet.append(not seen)
    try:
        yield
    finally:
        _quiet.pop()


def follows_console(recipe: Callable[P, R]) -> Callable[P, R]:
    """A recipe that shows how far it is unless its `console` is quiet."""

    @wraps(recipe)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        console = kwargs.get("console")
        with shown_if(console is None or not console.quiet):
            return recipe(*args, **kwargs)

    return shown


def counted(items: Iterable[T], on_progress: Callable[[int, int], None], total: int | None = None) -> Iterator[T]:
    """The items, one by one, each told when it is done. total: of items that have no length."""
    total = len(items) if total is None else total
    on_progress(0, total)
    for done, item in enumerate(items, 1):
        yield item
        on_progress(done, total)
