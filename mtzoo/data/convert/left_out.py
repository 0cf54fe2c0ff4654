"""How many images of a set may be left out because they, or their labels, cannot be read."""

from pathlib import Path

from mtzoo.console import numbered
from mtzoo.errors import UserError

LISTED = 3
"""Faults in the error's line."""
ENOUGH = 100
"""Faults after which nothing more is read, if they are too many."""


class LeftOut:
    """Counts the images of a set of `total` that are left out, of which at most `max_share` (0 to 1) may be."""

    def __init__(self, total: int, max_share: float, src: Path) -> None:
        self.total, self.max_share, self.src = total, max_share, src
        self.faults: list[str] = []

    def count(self, fault: str) -> None:
        """fault: why an image cannot be read, "" for one that can. Raises UserError as soon as going on is of no use."""
        if fault:
            self.faults.append(fault)
            if len(self.faults) >= ENOUGH:
                self.check()

    def check(self) -> None:
        """Raises UserError with the first faults if there are too many."""
        if len(self.faults) <= self.max_share * self.total:
            return
        first, more = self.faults[:LISTED], len(self.faults) - LISTED
        tail = f"; and {more} more" if more > 0 else ""
        count = f"{len(self.faults)} of {numbered(self.total, 'image')}"
        leave = f", or leave them out with --max-bad-images 1 (now {self.max_share:g}, a share)"
        raise UserError(f"{'; '.join(first)}{tail}; {count} in {self.src} cannot be read: mend them"
                        f"{leave if len(self.faults) < self.total else ''}")
