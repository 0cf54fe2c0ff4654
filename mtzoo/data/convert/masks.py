"""Images and one-channel PNG masks of the same stems, in any folders: values are classes, 255 is not labelled.

Names come from a YAML with `classes` or `names` ({value: name} or a list), or from classes.txt. Masks of 0 and 255 alone are background
and foreground. A mask may have another size than its image, of the same view: it is resized (nearest).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mtzoo.data.convert.layout import read_lines, read_text
from mtzoo.data.convert.listing import Listing, labels_by_split, pair_files, unlabelled_remarks, within
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.surfaces import BACKGROUND, seg_classes
from mtzoo.data.images import fit_mask, mask_size_problem, read_mask, upright_hw
from mtzoo.errors import UserError
from mtzoo.plain_yaml import parse_yaml
from mtzoo.structures import IGNORE

LAYOUT = "images, and PNG masks of the same stems in a folder called like masks (or --labels DIR)"
FOREGROUND = "foreground"
UNLABELLED = ("unlabeled", "unlabelled", "void", "ignore", "ignored")
NAME_KEYS = ("classes", "names")
NAME_LISTS = ("classes.txt", "labels.txt", "label_colors.txt")


def open_masks(places: Places) -> SourceSet:
    """Raises UserError if no mask belongs to an image, and for values without a name where there are names."""
    listing = Listing(places.src)
    masks = listing.masks if places.labels is None else within(listing.of(".png"), places.labels, places.src)
    images = within([path for path in listing.images if path not in set(masks)], places.images, places.src)
    pairs = pair_files(images, masks)
    if not pairs:
        raise UserError(f"{places.src}: no PNG mask has the stem of an image; --data must contain {LAYOUT}")
    splits, remarks = labels_by_split(places.src, pairs)
    classes = _classes(_names(listing, masks), _values([places.src / path for path in pairs.values()]), places.src)
    names = list(dict.fromkeys(name for name in classes.values() if name is not None))
    table = np.full(256, IGNORE, np.uint8)
    for value, name in classes.items():
        if name is not None:
            table[value] = names.index(name)
    entries = {split: [Entry.of(_read, *item, table) for item in items] for split, items in splits.items()}
    return SourceSet(entries, Vocabulary(masks={"seg": seg_classes(names)}),
                     [*remarks, *unlabelled_remarks(images, pairs, "image without a mask")])


def _values(paths: Sequence[Path]) -> list[int]:
    """The values that occur, 255 among them, in the masks that can be read: the others are told with their images."""

    def count(path: Path) -> np.ndarray:
        try:
            return np.bincount(read_mask(path).ravel(), minlength=256)
        except UserError:
            return np.zeros(256, np.int64)

    with ThreadPoolExecutor() as pool:
        counts = sum(pool.map(count, paths), np.zeros(256, np.int64))
    return np.flatnonzero(counts).tolist()


def _classes(names: Mapping[int, str], values: Sequence[int], src: Path) -> dict[int, str | None]:
    """{value that occurs: its class, None for one that is not labelled}."""
    if set(values) == {0, IGNORE} and not names:
        return {0: BACKGROUND, IGNORE: FOREGROUND}
    if not names:
        return {value: f"class_{value}" for value in values if value != IGNORE}
    if lost := [value for value in values if value not in names and value != IGNORE]:
        raise UserError(f"{src}: mask values {', '.join(map(str, lost))} have no name; add them to the list of classes")
    return {value: None if names[value].lower() in UNLABELLED else names[value] for value in values if value in names}


def _names(listing: Listing, masks: Sequence[Path]) -> dict[int, str]:
    """{value: name} of a YAML or a list in a folder above the masks; none if there is no such file."""
    above = {folder for mask in masks for folder in mask.parents}
    for path in listing.of(".yaml", ".yml"):
        content = parse_yaml(read_text(listing.src / path), listing.src / path) if path.parent in above else None
        if isinstance(content, Mapping) and (found := next((content[key] for key in NAME_KEYS if key in content), None)):
            return _by_value(found, listing.src / path)
    for path in listing.of(".txt"):
        if path.parent in above and path.name in NAME_LISTS:
            return dict(enumerate(line for _, line in read_lines(listing.src / path)))
    return {}


def _by_value(found: Any, path: Path) -> dict[int, str]:
    pairs = dict(enumerate(found)) if isinstance(found, list) else found
    if not isinstance(pairs, Mapping) or not all(type(key) is int and 0 <= key <= 255 for key in pairs):
        raise UserError(f"{path}: classes of masks are a list of names, or a mapping of values 0..255 to names")
    return {value: str(name) for value, name in pairs.items()}


def _read(image: Path, name: str, path: Path, table: np.ndarray) -> LabelledImage:
    hw = upright_hw(image)
    found = LabelledImage(image, name, hw)
    mask = read_mask(path)
    if problem := mask_size_problem(image, hw, mask.shape, resized=True):
        raise UserError(f"{path}: {problem}")
    if mask.shape != hw:
        line = f"{path}: the mask of {mask.shape[1]}x{mask.shape[0]} was resized to its image's {hw[1]}x{hw[0]}"
        found.remarks.append(Remark("", "mask resized to its image", line, "mended"))
    found.masks["seg"] = cv2.LUT(fit_mask(mask, hw), table)
    return found


FORMAT = Format("masks", "PNG masks", LAYOUT, open_masks, ("images", "labels"))
