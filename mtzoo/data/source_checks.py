"""What the specs of sources have in common: names, weights, splits, paths."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtzoo.errors import UserError

if TYPE_CHECKING:
    from mtzoo.data.image_label_sources import ImageFolder, LabelList
    from mtzoo.data.sources import MaskFolder, MaskList, Source

MOST_IMAGES = LARGEST_WEIGHT = 1_000_000


def expand_path(text: str) -> Path:
    """`text` with ~ and $VARIABLES expanded. Raises UserError for a variable the environment lacks."""
    expanded = os.path.expandvars(os.path.expanduser(text))
    if "$" in expanded:
        raise UserError(f"path '{text}': the environment has no such variable; export it, or write the path out, as in --cfg-options "
                        "data_root=DIR")
    return Path(expanded)


def check_common(spec: "Source") -> None:
    if not spec.name:
        raise UserError(f"{type(spec).__name__}: a source needs a name; set name='...'")
    if not 0 < spec.weight <= LARGEST_WEIGHT:
        raise UserError(f"source '{spec.name}': weight={spec.weight} must be a positive number of at most {LARGEST_WEIGHT:,}")


def check_split(spec: "MaskFolder | ImageFolder") -> None:
    if spec.split not in (None, "train", "val"):
        raise UserError(f"source '{spec.name}': split='{spec.split}' must be 'train' or 'val'")
    if (spec.split is None) != (spec.val_every is None):
        raise UserError(f"source '{spec.name}': 'split' and 'val_every' go together: which part of the folder, and every which "
                        "image is for validation")
    if spec.val_every is not None and not 2 <= spec.val_every <= MOST_IMAGES:
        raise UserError(f"source '{spec.name}': val_every={spec.val_every}: every 2nd image at most is for validation; "
                        f"expected 2 to {MOST_IMAGES:,}")


def check_separator(spec: "MaskList | LabelList") -> None:
    if not spec.separator:
        raise UserError(f"source '{spec.name}': separator is empty; name the character between the two names of a row")


def check_ignore_value(spec: "MaskFolder | MaskList") -> None:
    if not 0 <= spec.ignore_value <= 255:
        raise UserError(f"source '{spec.name}': ignore_value={spec.ignore_value} is not a mask value (0..255)")
