"""The one exception that means "the user can mend this": the command line prints it as one line and exits with 2."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Bad input. The message names the file, the row or key and the value, and says what to do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt `word`: "; did you mean 'x'?" or the list of known words."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(known)}" if known else ""
