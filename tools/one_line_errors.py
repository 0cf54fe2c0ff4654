"""What scripts of this folder do with a mistake of their user: one line on stderr and exit status 2, as `mtzoo` does."""

from collections.abc import Callable, Sequence
from functools import wraps

from mtzoo.cli.main import tell_error
from mtzoo.errors import UserError

Main = Callable[[Sequence[str]], int]


def one_line_errors(main: Main) -> Main:
    """A script's main that prints a UserError, or what is wrong with a file, as one line and returns 2."""
    @wraps(main)
    def checked(argv: Sequence[str]) -> int:
        try:
            return main(argv)
        except (UserError, OSError) as error:
            return tell_error(str(error))

    return checked
