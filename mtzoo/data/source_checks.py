"""What the specs of sources have in common: names, weights, splits, paths."""

import os
from pathlib import Path

from mtzoo.errors import UserError

MOST_IMAGES = LARGEST_WEIGHT = 1_000_000


def expand_path(text: str) -> Path:
    """`text` with ~ and $VARIABLES expanded. Raises UserError for a variable the environment lacks."""
    expanded = os.path.expandvars(os.path.expanduser(text))
    if "$" in expanded:
        raise UserError(f"path '{text}': the environment has no such variable; export it, or write the path out, as in --cfg-options "
                        "data_root=DIR")
    return Path(expanded)


def check_common(kind: str, name: str, weight: float) -> None:
    """kind: the `type` that configs name."""
    if not name:
        raise UserError(f"{kind}: a source needs a name; set name='...'")
    if not 0 < weight <= LARGEST_WEIGHT:
        raise UserError(f"source '{name}': weight={weight} must be a positive number of at most {LARGEST_WEIGHT:,}")


def check_split(name: str, split: str | None, val_every: int | None) -> None:
    if split not in (None, "train", "val"):
        raise UserError(f"source '{name}': split='{split}' must be 'train' or 'val'")
    if (split is None) != (val_every is None):
        raise UserError(f"source '{name}': 'split' and 'val_every' go together: which part of the folder, and every which "
                        "image is for validation")
    if val_every is not None and not 2 <= val_every <= MOST_IMAGES:
        raise UserError(f"source '{name}': val_every={val_every}: every 2nd image at most is for validation; "
                        f"expected 2 to {MOST_IMAGES:,}")


def check_separator(name: str, separator: str) -> None:
    if not separator:
        raise UserError(f"source '{name}': separator is empty; name the character between the two names of a row")


def check_ignore_value(name: str, ignore_value: int) -> None:
    if not 0 <= ignore_value <= 255:
        raise UserError(f"source '{name}': ignore_value={ignore_value} is not a mask value (0..255)")
