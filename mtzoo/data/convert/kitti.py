"""KITTI object: label_2/*.txt, 15 columns a row, as the benchmark's development kit describes them.

Columns: type, truncated 0..1, occluded 0..3, alpha (observation angle, radians), left, top, right, bottom (0-based pixels),
height, width, length (metres), x, y, z (metres, camera), rotation_y. Rears and fronts follow from alpha: -pi/2 is a
vehicle seen from behind, pi/2 one seen from ahead, and the face's share of the box from the vehicle's width and length.
Sets of this format in other folders, with other names, are read, too.
Sets that were labelled in the image alone hold zeros, or -1, -10 and -1000, from alpha on: rear and front are unknown there.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mtzoo.data.convert.classes import common_class
from mtzoo.data.convert.layout import find_folder, image_stems, listed_splits, numbers, read_lines
from mtzoo.data.convert.listing import Listing, labels_by_split, pair_files, unlabelled_remarks, within
from mtzoo.data.convert.records import (
    XYXY,
    Entry,
    Format,
    LabelledImage,
    Places,
    Remark,
    SourceSet,
    Strange,
    Vocabulary,
)
from mtzoo.data.images import upright_hw
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError

LAYOUT = "training/image_2/*.png and training/label_2/*.txt, or images and text files of the same stems in any folders"
UNLABELLED = "image without a label file"
TYPES = ("Car", "Van", "Truck", "Tram", "Pedestrian", "Person_sitting", "Cyclist", "Misc", "DontCare")
VEHICLES = ("Car", "Van", "Truck", "Tram")
UNSURE = ("Misc", "DontCare")
REAR, FRONT = "vehicle_rear", "vehicle_front"
COLUMNS = 15
MIN_FACE_SHARE = 0.3  # of the box's width; a face seen more sideways is no box to learn from
TRUNCATED_ABOVE = 0.1  # beyond, the box is cut by the image's edge and shares of its width say nothing
LARGELY_OCCLUDED = 2
ANGLE_TOLERANCE = 0.01  # radians, of rounding; without an angle alpha is -10


def open_kitti(places: Places) -> SourceSet:
    """The benchmark's folders, where ImageSets/train.txt and val.txt make the split if they are there; else images and label files of
    the same stems in any folders. Raises UserError if no label file is found."""
    src = places.src
    standard = next((root for root in (src / "training", src) if (root / "image_2").is_dir()), None)
    if standard is not None and places.images is None and places.labels is None:
        return _open_benchmark(src, standard)
    listing = Listing(src)
    images = within(listing.images, places.images, src)
    pairs = pair_files(images, within(listing.of(".txt"), places.labels, src))
    if not pairs:
        raise UserError(f"{src}: no text file has the stem of an image; --data must contain {LAYOUT}")
    splits, remarks = labels_by_split(src, pairs)
    rows = _rows(src / path for path in pairs.values())
    posed = _posed(rows)
    entries = {split: [Entry.of(_read, *item, posed) for item in items] for split, items in splits.items()}
    return SourceSet(entries, _vocabulary(rows, posed), [*remarks, *unlabelled_remarks(images, pairs, UNLABELLED)])


def _open_benchmark(src: Path, root: Path) -> SourceSet:
    images = image_stems(root / "image_2")
    labels = find_folder(root, ("label_2",), LAYOUT)
    found = {stem: labels / f"{stem}.txt" for stem in images if (labels / f"{stem}.txt").is_file()}
    if images and not found:
        raise UserError(f"{labels}: none of the label files of {len(images)} images was found, e.g. {next(iter(images))}.txt; "
                        "restore them")
    rows = _rows(found.values())
    posed = _posed(rows)
    entries = {stem: Entry.of(_read, images[stem], images[stem].name, path, posed) for stem, path in found.items()}
    lists = {split: src / "ImageSets" / f"{split}.txt" for split in ("train", "val")}
    remarks = [Remark("", UNLABELLED, f"{images[stem]}: no {labels / stem}.txt: not labelled")
               for stem in images if stem not in found]
    return SourceSet(listed_splits(entries, lists), _vocabulary(rows, posed), remarks)


@dataclass(frozen=True)
class _Row:
    """values: the numbers, from `truncated` on; where: file and row."""

    name: str
    values: list[float]
    where: str


def _file_rows(path: Path) -> Iterator[_Row]:
    """Raises UserError for a row of too few columns, and for one of other things than numbers."""
    for where, line in read_lines(path):
        row = line.split()
        if len(row) < COLUMNS:
            raise UserError(f"{where}: {len(row)} columns; KITTI object labels have {COLUMNS}: type truncated occluded alpha ...")
        yield _Row(row[0], numbers(row[1:COLUMNS], where), where)


def _rows(paths: Iterable[Path]) -> list[_Row]:
    """Those of all files. A fault ends its file: it is told with the image, which is left out."""
    found: list[_Row] = []
    for path in paths:
        with suppress(UserError):
            found += _file_rows(path)
    return found


def _posed(rows: Iterable[_Row]) -> bool:
    """Whether some vehicle of the set has a pose, so that rears and fronts are known."""
    return any(_is_vehicle(row.name) and _has_pose(row.values) for row in rows)


def _vocabulary(rows: Sequence[_Row], posed: bool) -> Vocabulary:
    """The benchmark labels all its types in every image. Of a set with names of its own, or without a single pose, those types are
    known that occur, and without a pose neither rears nor fronts."""
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row.name, row.where)
    counts = Counter(row.name for row in rows)
    own = [name for name in first if name not in TYPES]
    boxes = {name: IGNORE_CATEGORY if name in UNSURE else common_class(name) or name for name in (*TYPES, *own)}
    labelled = TYPES if posed and not own else tuple(first)
    strange = {name: Strange(counts[name], first[name]) for name in own if common_class(name) is None}
    return Vocabulary(boxes, (*labelled, REAR, FRONT) if posed else labelled, strange=strange)


def visible_face(alpha: float, width: float, length: float, xyxy: XYXY) -> tuple[str, XYXY, float]:
    """(rear or front, its part of the vehicle's box, its share of the box's width), as if seen from far away.

    alpha: radians; width, length: of the vehicle, metres. The face stands at the side away from (rear) or towards (front)
    which the vehicle heads in the image.
    """
    face, side = width * abs(math.sin(alpha)), length * abs(math.cos(alpha))
    share = face / max(face + side, 1e-6)
    seen_from_behind, heads_right = math.sin(alpha) < 0, math.cos(alpha) > 0
    x1, y1, x2, y2 = xyxy
    if seen_from_behind == heads_right:
        return (REAR if seen_from_behind else FRONT), (x1, y1, x1 + share * (x2 - x1), y2), share
    return (REAR if seen_from_behind else FRONT), (x2 - share * (x2 - x1), y1, x2, y2), share


def _read(image: Path, name: str, labels: Path, posed: bool) -> LabelledImage:
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    for row in _file_rows(labels):
        _add_row(found, row, posed)
    return found


def _add_row(found: LabelledImage, row: _Row, posed: bool) -> None:
    """posed: rears and fronts are known in the set: those of a vehicle without a pose are ignore regions."""
    truncated, occluded, alpha, left, top, right, bottom, _, width, length = row.values[:10]
    kept = found.add_box(row.name, (left, top, right, bottom), row.where)
    if kept is None or not posed or not _may_be_vehicle(row.name):
        return
    xyxy = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
    if kept.crowd or not _is_vehicle(row.name) or not _has_pose(row.values):
        for face in (REAR, FRONT):
            found.add_box(face, kept.xyxy, row.where, crowd=True)
        return
    face, part, share = visible_face(alpha, width, length, xyxy)
    if truncated > TRUNCATED_ABOVE or occluded >= LARGELY_OCCLUDED:
        found.add_box(face, xyxy, row.where, crowd=True)
    else:
        found.add_box(face, part, row.where, crowd=share < MIN_FACE_SHARE)


def _has_pose(values: list[float]) -> bool:
    """Whether somebody measured how the vehicle stands: an angle, a size, and a place that is not the camera itself."""
    alpha, width, length, place = values[2], values[8], values[9], values[10:13]
    return abs(alpha) <= math.pi + ANGLE_TOLERANCE and min(width, length) > 0 and any(place)


def _is_vehicle(name: str) -> bool:
    return name in VEHICLES or (name not in TYPES and common_class(name) == "vehicle")


def _may_be_vehicle(name: str) -> bool:
    """Vehicles, and what only the user knows to be none. Where nobody is sure there are ignore regions of every class already."""
    return _is_vehicle(name) or (name not in TYPES and common_class(name) is None)


FORMAT = Format("kitti", "KITTI object", LAYOUT, open_kitti, ("images", "labels"))
