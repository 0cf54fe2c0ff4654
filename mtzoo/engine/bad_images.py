"""Images that a training had to do without: each is told once, counted, and too many of them end the run."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtzoo.console import note
from mtzoo.errors import UserError
from mtzoo.plain_data import convert
from mtzoo.structures import BadImage


class BadImages:
    """The bad images of a run. images: how many the training set has; max_share: how many of these, 0..1, may be bad.

    draws: how often another image had to take a bad one's place.
    """

    def __init__(self, images: int, max_share: float) -> None:
        self.images, self.max_share = images, max_share
        self.paths: set[Path] = set()
        self.draws = 0

    def add(self, skipped: Sequence[BadImage]) -> None:
        """Count what a batch had to skip and tell on stderr what is new. Raises UserError when it is too much."""
        for bad in skipped:
            self.draws += 1
            if bad.path in self.paths:
                continue
            self.paths.add(bad.path)
            if len(self.paths) > self.max_share * self.images:
                raise UserError(f"{bad.fault} ({len(self.paths)} of {self.images} training images are bad so far, and "
                                f"env.max_bad_images={self.max_share:g} is the share that may be; `mtzoo data check` lists all)")
            note(f"skipped: {bad.fault}")

    def summary(self) -> str:
        """One line for the end of a stage; empty if all was well."""
        if not self.paths:
            return ""
        return (f"{len(self.paths)} of {self.images} training images are bad, {self.draws} draws took others instead; "
                "`mtzoo data check` lists them")

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know, as plain values."""
        return {"paths": sorted(map(str, self.paths)), "draws": self.draws}

    def load_state(self, state: Mapping[str, Any], still_bad: Callable[[Collection[Path]], Collection[Path]]) -> None:
        """Go on from `state()`. still_bad: which of some images are bad now; those mended or dropped since do not count."""
        self.draws = convert(int, state["draws"], "draws")
        self.paths = set(still_bad({Path(text) for text in convert(list[str], state["paths"], "paths")}))
