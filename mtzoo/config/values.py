"""What the names and numbers of a config may be."""

import math
import re

from mtzoo.errors import UserError, shown

MOST_ITERATIONS = 1_000_000_000
PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")  # what may become a part of file names, output names and loss keys


def check_name(name: str, what: str) -> None:
    """Raises UserError for a name with anything but letters, digits, _ and -."""
    if not PLAIN_NAME.fullmatch(name):
        raise UserError(f"{what} '{name}': letters, digits, _ and - only")


def check_positive(owner: object, *names: str) -> None:
    """Raises UserError naming the first of the owner's numbers that is not above zero."""
    for name in names:
        if not 0 < getattr(owner, name) < math.inf:
            raise UserError(f"{name}={getattr(owner, name)}: expected a number above 0")


def check_at_most(owner: object, **bounds: float) -> None:
    """Raises UserError naming the first of the owner's numbers that is above its bound: what no training means."""
    for name, most in bounds.items():
        value = getattr(owner, name)
        if value is not None and value > most:
            raise UserError(f"{name}={shown(value)}: at most {most:,} is allowed")
