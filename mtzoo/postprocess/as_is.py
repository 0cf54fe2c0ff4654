"""Maps that are handed over as they are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AsIs:
    """Of a network whose outputs only its user can read. maps: their names."""

    maps: tuple[str, ...]
