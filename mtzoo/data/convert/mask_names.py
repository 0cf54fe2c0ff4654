"""The names of the values of masks: of a YAML or a list that belongs to the masks."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtzoo.data.convert.layout import read_names, read_text
from mtzoo.data.convert.listing import Listing, nearest_above
from mtzoo.errors import UserError
from mtzoo.plain_yaml import YAML_SUFFIXES, parse_yaml

KEYS = ("classes", "names")
COLOURS = "label_colors.txt"
"""Has a colour, "R G B", before or after each name."""
COLOUR = re.compile(r"^(\d+[\s,]+){3}|([\s,]+\d+){3}$")
LISTS = ("classes.txt", "labels.txt", COLOURS)


def mask_names(listing: Listing, masks: Sequence[Path], given: Path | None) -> tuple[dict[int, str], list[str]]:
    """{value: name} of the file that the user names, else of the nearest one in a folder of the masks or above; none if there is no
    such file; and notes. One that is as near to label files of the same images names their classes, and is not taken. masks: relative
    paths. Raises UserError for files that differ."""
    if given is not None:
        return _read(given), []
    files = [path for path in listing.of(*YAML_SUFFIXES) if _named(listing.src / path)]
    files += [path for path in listing.of(".txt") if path.name in LISTS]
    own = nearest_above(files, masks)
    others = nearest_above(files, _label_files(listing))
    notes = [f"{listing.src / path} names the classes of the label files beside it; if the masks have the same: --annotations "
             f"{listing.src / path}" for path in own if path in others]
    found = {path: _read(listing.src / path) for path in own if path not in others}
    if len({tuple(names.items()) for names in found.values()}) > 1:
        raise UserError(f"{listing.src}: {' and '.join(map(str, found))} name different classes; name one of them: --annotations FILE")
    return next(iter(found.values()), {}), notes


def _label_files(listing: Listing) -> list[Path]:
    """Text files of the images' stems."""
    stems = {path.stem for path in listing.images}
    return [path for path in listing.of(".txt") if path.stem in stems]


def _read(path: Path) -> dict[int, str]:
    if path.suffix.lower() not in YAML_SUFFIXES:
        names = (COLOUR.sub("", name) if path.name == COLOURS else name for name in read_names(path))
        return {value: name for value, name in enumerate(names) if name}
    found = _named(path)
    pairs = dict(enumerate(found)) if isinstance(found, list) else found
    if not isinstance(pairs, Mapping) or not all(type(key) is int and 0 <= key <= 255 for key in pairs):
        raise UserError(f"{path}: classes of masks are a list of names, or a mapping of values 0..255 to names")
    return {value: str(name) for value, name in pairs.items() if name is not None}


def _named(path: Path) -> Any:
    """What a YAML says of class names; None for one that says nothing of them."""
    content = parse_yaml(read_text(path), path)
    return next((content[key] for key in KEYS if key in content), None) if isinstance(content, Mapping) else None
