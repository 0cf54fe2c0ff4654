"""The one exception that means "the user can mend this": the command line prints it as one line and exits with 2."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

SHOWN_CHARACTERS = 80
SHOWN_ITEMS = 6
LISTED_WORDS = 40
LONGEST_NUMBER = 10_000  # bits
JOINERS = "\u200c\u200d"


MESSAGE_CHARACTERS = 1000
"""Of a message; names and values in it are the user's, and there is no telling how long they are."""


class UserError(Exception):
    """Bad input. The message is one line: the file, the row or key, the value, and what to do.

    The command line prints it and exits with status 2. The middle of a message of more than MESSAGE_CHARACTERS is left out, unless
    it is to be `whole`: a list of all that the user has to say something of.
    """

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message if whole else without_middle(message))


class Caution(UserWarning):
    """A warning about a result that is made all the same. The command line prints it as one line."""


def did_you_mean(word: str, known: Iterable[str], listing: str = "") -> str:
    """A hint for a misspelt `word`: "; did you mean 'x'?", or the known words. listing: what shows them, where they are many."""
    known, word = sorted(known), word[:SHOWN_CHARACTERS]
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; {listing or f'known: {listed(known)}'}" if known else ""


def listed(words: Iterable[str]) -> str:
    """Names for a message, sorted; of very many the first."""
    words = sorted(words)
    more = [f"... ({len(words)} in all)"] * (len(words) > LISTED_WORDS)
    return ", ".join([*map(cut, words[:LISTED_WORDS]), *more])


def one_line(text: str) -> str:
    """`text` with line breaks, control characters, marks that turn its direction and bytes that are no text as escapes.

    Names in it are the user's. Wide spaces and the joiners that some scripts and emoji need stay.
    """
    return text if text.isprintable() else "".join(c if _is_shown(c) else ascii(c)[1:-1] for c in text)


def without_middle(text: str) -> str:
    """`text`; of a very long one its beginning and end, where a message has its subject and its cure."""
    if len(text) <= MESSAGE_CHARACTERS:
        return text
    half = MESSAGE_CHARACTERS // 2 - len(" [... characters ...] ") - 10  # the number of those left out has room, too
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"


def shown(value: object) -> str:
    """A value out of a user's JSON for a message: short, whatever its size and depth."""
    if isinstance(value, list):
        items = [_scalar(item) for item in value[:SHOWN_ITEMS]] + ["..."] * (len(value) > SHOWN_ITEMS)
        return cut(f"[{', '.join(items)}]")
    return _scalar(value)


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in JOINERS or unicodedata.category(character) == "Zs"


def _scalar(value: object) -> str:
    if isinstance(value, (list, dict)):  # what is inside may be deeper than repr can go
        return "[...]" if isinstance(value, list) else "{...}"
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:  # Python refuses to write out the longest ones
        return f"a number of {value.bit_length():,} bits"
    return cut(repr(value[:SHOWN_CHARACTERS + 1] if isinstance(value, str | bytes) else value))


def cut(text: str) -> str:
    """A name, key or path out of a user's file for a message: its beginning, if it is long."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
