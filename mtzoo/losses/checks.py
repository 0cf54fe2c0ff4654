"""What the numbers of a loss may be."""

from collections.abc import Mapping

from mtzoo.errors import UserError


def check_not_negative(values: Mapping[str, float]) -> None:
    """Raises UserError naming the first value below 0: a term with such a factor would be maximised."""
    for name, value in values.items():
        if value < 0:
            raise UserError(f"{name}={value}: expected a number of 0 or more")
