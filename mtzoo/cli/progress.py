"""A progress bar for verbs that take long."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class OnProgress:
    """Feeds (done, total) to a bar and remembers the total."""

    def __init__(self, bar: Progress, title: str) -> None:
        self.bar, self.task, self.total = bar, bar.add_task(title, total=None), 0

    def __call__(self, done: int, total: int) -> None:
        self.total = total
        self.bar.update(self.task, completed=done, total=total)


@contextmanager
def show_progress(title: str) -> Iterator[OnProgress]:
    """A bar with ETA on stderr; stdout is for results."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield OnProgress(bar, title)
