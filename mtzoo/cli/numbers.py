"""Numbers on the command line: one line for those that cannot be, before anything is read."""

from collections.abc import Callable, Sequence

from mtzoo.errors import UserError, cut
from mtzoo.machine import check_processes


def at_least(low: int, option: str, high: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number of `low` or more, and of `high` at most."""
    wanted = f"at least {low}" if high is None else f"between {low} and {high}"

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise UserError(f"{option} {cut(text)}: expected a whole number") from None
        if value < low or high is not None and value > high:
            raise UserError(f"{option} {cut(text)}: must be {wanted}")
        return value

    return number


def size(option: str) -> Callable[[str], tuple[int, int]]:
    """A type for argparse: "720x1280" -> (720, 1280), height first."""

    def height_and_width(text: str) -> tuple[int, int]:
        height, _, width = text.lower().partition("x")
        if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
            raise UserError(f"{option} {cut(text)}: expected height x width, e.g. 720x1280")
        return int(height), int(width)

    return height_and_width


def ratios(option: str) -> Callable[[str], list[float]]:
    """A type for argparse, with nargs="+": "0.1,0.3" -> [0.1, 0.3]; the lists of several words are joined by `joined`."""

    def numbers(text: str) -> list[float]:
        try:
            return [float(part) for part in text.split(",")]
        except ValueError as error:
            raise UserError(f"{option} {cut(text)}: expected numbers, e.g. {option} 0.1 0.3") from error

    return numbers


def joined(lists: Sequence[Sequence[float]]) -> list[float]:
    """[[0.1, 0.3], [0.5]] -> [0.1, 0.3, 0.5]."""
    return [value for values in lists for value in values]


def processes(option: str, low: int = 1) -> Callable[[str], int]:
    """A type for argparse: a number of threads or processes that this machine can run."""
    number = at_least(low, option)

    def bounded(text: str) -> int:
        value = number(text)
        check_processes(option, value)
        return value

    return bounded
