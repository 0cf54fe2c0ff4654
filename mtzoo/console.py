"""The one way to print: names of classes, files and tasks are the user's, and every character of them is shown as it is.

rich would read "[b]" in a name as a style, ":car:" as an emoji, and would send a terminal's own escape codes through.
"""

import os
import sys
from typing import TextIO

from rich.console import Console, HighlighterType, JustifyMethod, OverflowMethod
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mtzoo.errors import one_line, without_middle

FILE_WIDTH = 1000
"""Characters of a line in a file or pipe: no table is cut there."""


class PlainConsole(Console):
    """rich's console for text that may hold anything: no markup, no emoji codes, no highlights. Control characters are escaped.

    A string is one line, a cell or a title. A line break in it belongs to a name and is escaped, too. Styles are given as arguments or
    as `rich.text.Text`.

    Args:
        file: The stream to print to. Default: stdout.
        stderr: Print to stderr.
        quiet: Print nothing, and show no progress.
        width: Characters of a line. Default: those of the terminal, or FILE_WIDTH.
    """

    def __init__(self, *, file: TextIO | None = None, stderr: bool = False, quiet: bool = False, width: int | None = None) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        if width is None and "COLUMNS" not in os.environ and not (hasattr(stream, "isatty") and stream.isatty()):
            width = FILE_WIDTH
        super().__init__(file=file, stderr=stderr, quiet=quiet, width=width, soft_wrap=True, markup=False, emoji=False,
                         highlight=False)

    @property
    def encoding(self) -> str:
        """What the stream takes; rich asks only streams it was given, not stdout and stderr."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()

    def on_broken_pipe(self) -> None:
        """Let the BrokenPipeError go on, which the command line has a status for: rich would exit with 1, as where executors differ."""
        raise  # rich calls this where it has caught it

    def render_str(self, text: str, *, style: str | Style = "", justify: JustifyMethod | None = None,
                   overflow: OverflowMethod | None = None, emoji: bool | None = None, markup: bool | None = None,
                   highlight: bool | None = None, highlighter: HighlighterType | None = None) -> Text:
        """What rich makes of every string it prints, in a line, a table's cell or title; the last four arguments have no effect."""
        line = one_line(text).encode(self.encoding, "backslashreplace").decode(self.encoding)
        return Text(line, style=style, justify=justify, overflow=overflow)


def numbered(count: int, noun: str) -> str:
    """ "1 thread", "2 threads": for nouns whose plural is an s."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def say(result: str | Table) -> None:
    """Print a line or a table of results on stdout."""
    PlainConsole().print(result)


def note(line: str, *, whole: bool = False) -> None:
    """Print one line beside the results, on stderr; a very long one without its middle, unless it is to be `whole`."""
    text = one_line(line)
    PlainConsole(stderr=True).print(text if whole else without_middle(text))
