"""The one exception that means "the user can mend this": the command line prints it as one line and exits with 2."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

SHOWN_CHARACTERS = 80
SHOWN_ITEMS = 6
LISTED_WORDS = 40
JOINERS = "\u200c\u200d"


class UserError(Exception):
    """Bad input. The message names the file, the row or key and the value, and says what to do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt `word`: "; did you mean 'x'?" or the list of known words."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {listed(known)}" if known else ""


def listed(words: Iterable[str]) -> str:
    """Names for a message, sorted; of very many the first."""
    words = sorted(words)
    more = [f"... ({len(words)} in all)"] * (len(words) > LISTED_WORDS)
    return ", ".join([*map(_cut, words[:LISTED_WORDS]), *more])


def one_line(text: str) -> str:
    """`text` with line breaks, control characters, marks that turn its direction and bytes that are no text as escapes.

    Names in it are the user's. Wide spaces and the joiners that some scripts and emoji need stay.
    """
    return text if text.isprintable() else "".join(c if _is_shown(c) else ascii(c)[1:-1] for c in text)


def shown(value: object) -> str:
    """A value out of a user's JSON for a message: short, whatever its size and depth."""
    if isinstance(value, list):
        items = [_scalar(item) for item in value[:SHOWN_ITEMS]] + ["..."] * (len(value) > SHOWN_ITEMS)
        return _cut(f"[{', '.join(items)}]")
    return _scalar(value)


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"


def _scalar(value: object) -> str:
    if isinstance(value, (list, dict)):  # what is inside may be deeper than repr can go
        return "[...]" if isinstance(value, list) else "{...}"
    return _cut(repr(value[:SHOWN_CHARACTERS + 1] if isinstance(value, str) else value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
