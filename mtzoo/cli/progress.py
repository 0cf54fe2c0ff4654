"""A progress bar for verbs that take long."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtzoo.console import PlainConsole
from mtzoo.errors import one_line, without_middle

T = TypeVar("T")


class OnProgress:
    """Feeds (done, total) to a bar and remembers the total; None while it is not known."""

    def __init__(self, bar: Progress, title: str) -> None:
        self.bar, self.task, self.total = bar, bar.add_task(one_line(title), total=None), 0

    def __call__(self, done: int, total: int | None) -> None:
        self.total = total or 0
        self.bar.update(self.task, completed=done, total=total)

    def note(self, line: str) -> None:
        """Print one line on stderr, above the bar."""
        self.bar.console.print(without_middle(one_line(line)))


@contextmanager
def show_progress(title: str, *, transient: bool = False, disable: bool = False) -> Iterator[OnProgress]:
    """A bar with ETA on stderr; stdout is for results. transient: it is wiped away at the end."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=PlainConsole(stderr=True), transient=transient, disable=disable) as bar:
        yield OnProgress(bar, title)


def counted(items: Sequence[T], on_progress: OnProgress) -> Iterator[T]:
    """The items, one by one, each told when it is done."""
    on_progress(0, len(items))
    for done, item in enumerate(items, 1):
        yield item
        on_progress(done, len(items))
