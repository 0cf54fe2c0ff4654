"""Names and what they are, in two columns no wider than the terminal."""

import shutil
import textwrap
from collections.abc import Mapping

FILE_WIDTH = 1000
"""Characters of a line in a file or pipe: nothing is folded there."""
LEAST = 20
"""Characters of the second column, however narrow the terminal is."""


def two_columns(rows: Mapping[str, str]) -> list[str]:
    """Lines of "  NAME  TEXT"; a text that is too long goes on below itself. COLUMNS counts, as everywhere."""
    start = max(map(len, rows), default=0) + 4
    room = max(shutil.get_terminal_size((FILE_WIDTH, 24)).columns - start, LEAST)
    lines = []
    for name, text in rows.items():
        first, *more = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        lines += [f"  {name:{start - 2}}{first}".rstrip(), *(f"{'':{start}}{line}" for line in more)]
    return lines
