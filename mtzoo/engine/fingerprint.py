"""What kept files of the compression tools were made for: nothing of another network is taken up again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtzoo.errors import UserError

ADVICE = "choose another --out"


def file_hash(path: Path) -> str:
    """sha256 of a file, which says whose network a checkpoint holds."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_resumed(path: Path, held: Mapping[str, Any], origin: Mapping[str, Any]) -> None:
    """Raises UserError naming the first value in which the run that left `path` differs from the one that would go on."""
    for key, value in origin.items():
        if held.get(key) != value:
            raise UserError(f"{path}: the run to resume had another '{key}'; give the same or {ADVICE}")
