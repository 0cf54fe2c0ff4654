"""Images and one-channel PNG masks of the same stems, in any folders: values are classes, 255 is not labelled.

Names come from a YAML with `classes` or `names` ({value: name} or a list), or from classes.txt, see `mask_names`. Masks of 0 and 255
alone are background and foreground. A mask may have another size than its image, of the same view: it is resized (nearest).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from mtzoo.data.convert.listing import Listing, labels_by_split, pair_files, unlabelled_remarks, within
from mtzoo.data.convert.mask_names import mask_names
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.surfaces import BACKGROUND, seg_classes
from mtzoo.data.images import fit_mask, mask_size_problem, read_mask, upright_hw
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

LAYOUT = "images, and PNG masks of the same stems in a folder called like masks (or --labels DIR)"
FOREGROUND = "foreground"
UNLABELLED = ("unlabeled", "unlabelled", "void", "ignore", "ignored")
LEAST_INSTANCES = 3  # in some mask: 1 and 2 may as well be classes of which one is always there


def open_masks(places: Places) -> SourceSet:
    """Raises UserError if no mask belongs to an image, and for values without a name where there are names."""
    listing = Listing(places.src)
    masks = listing.masks if places.labels is None else within(listing.of(".png"), places.labels, places.src)
    images = within([path for path in listing.images if path not in set(masks)], places.images, places.src)
    pairs = pair_files(images, masks)
    if not pairs:
        raise UserError(f"{places.src}: no PNG mask has the stem of an image; --data must contain {LAYOUT}")
    splits, remarks = labels_by_split(places.src, pairs)
    counts = _counts([places.src / path for path in pairs.values()])
    named, notes = mask_names(listing, list(pairs.values()), places.annotations)
    if not named and (instances := _instances(counts)):
        notes.append(_instance_note(instances))
    classes = _classes(named, np.flatnonzero(counts.sum(0)).tolist(), places.src)
    names = list(dict.fromkeys(name for name in classes.values() if name is not None))
    table = np.full(256, IGNORE, np.uint8)
    for value, name in classes.items():
        if name is not None:
            table[value] = names.index(name)
    entries = {split: [Entry.of(_read, *item, table) for item in items] for split, items in splits.items()}
    return SourceSet(entries, Vocabulary(masks={"seg": seg_classes(names)}),
                     [*remarks, *unlabelled_remarks(images, pairs, "image without a mask")], notes)


def _counts(paths: Sequence[Path]) -> np.ndarray:
    """(N, 256) pixels of each value in those of the masks that can be read: the others are told with their images."""

    def count(path: Path) -> np.ndarray | None:
        try:
            return np.bincount(read_mask(path).ravel(), minlength=256)
        except UserError:
            return None

    with ThreadPoolExecutor() as pool:
        found = [counts for counts in pool.map(count, paths) if counts is not None]
    return np.array(found, np.int64).reshape(-1, 256)


def _instances(counts: np.ndarray) -> int:
    """The most objects in a mask, where the values count objects as far as they tell: 1..N without a gap in every one, of differing N;
    else 0. (N, 256) -> int."""
    shown = counts[:, 1:IGNORE] > 0
    most = shown.sum(1)
    gapless = (shown == (np.arange(shown.shape[1]) < most[:, None])).all()
    return int(most.max()) if len(most) and gapless and len(set(most.tolist())) > 1 and most.max() >= LEAST_INSTANCES else 0


def _instance_note(most: int) -> str:
    renames = " ".join(f"class_{number}=NAME" for number in range(1, most + 1))
    return (f"these look like masks of instances: each holds the values 1..N without a gap, N up to {most}, so class_1 is the first "
            "object of an image and no class; for boxes, read the label files or annotations of the same images, if there are "
            f"(--format, --labels); for masks of one class: --rename class_0=background {renames}")


def _classes(names: Mapping[int, str], values: Sequence[int], src: Path) -> dict[int, str | None]:
    """{value that occurs: its class, None for one that is not labelled}."""
    if set(values) == {0, IGNORE} and not names:
        return {0: BACKGROUND, IGNORE: FOREGROUND}
    if not names:
        return {value: f"class_{value}" for value in values if value != IGNORE}
    if lost := [value for value in values if value not in names and value != IGNORE]:
        raise UserError(f"{src}: mask values {', '.join(map(str, lost))} have no name; add them to the list of classes")
    return {value: None if names[value].lower() in UNLABELLED else names[value] for value in values if value in names}


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


FORMAT = Format("masks", "PNG masks", LAYOUT, open_masks, ("annotations", "images", "labels"))
