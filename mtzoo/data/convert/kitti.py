"""KITTI object: label_2/*.txt, 15 columns a row, as the benchmark's development kit describes them.

Columns: type, truncated 0..1, occluded 0..3, alpha (observation angle, radians), left, top, right, bottom (0-based pixels),
height, width, length (metres), x, y, z (metres, camera), rotation_y. Rears and fronts follow from alpha: -pi/2 is a
vehicle seen from behind, pi/2 one seen from ahead, and the face's share of the box from the vehicle's width and length.
"""

import math
from functools import partial
from pathlib import Path

from mtzoo.data.convert.classes import common_class
from mtzoo.data.convert.layout import existing, find_folder, image_stems, listed_splits, numbers, read_lines
from mtzoo.data.convert.records import XYXY, Format, LabelledImage, SourceSet, Vocabulary
from mtzoo.data.images import upright_hw
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError

LAYOUT = "training/image_2/*.png and training/label_2/*.txt (or image_2 and label_2 themselves)"
TYPES = ("Car", "Van", "Truck", "Tram", "Pedestrian", "Person_sitting", "Cyclist", "Misc", "DontCare")
VEHICLES = ("Car", "Van", "Truck", "Tram")
UNSURE = ("Misc", "DontCare")
REAR, FRONT = "vehicle_rear", "vehicle_front"
COLUMNS = 15
MIN_FACE_SHARE = 0.3  # of the box's width; a face seen more sideways is no box to learn from
TRUNCATED_ABOVE = 0.1  # beyond, the box is cut by the image's edge and shares of its width say nothing
LARGELY_OCCLUDED = 2


def open_kitti(src: Path) -> SourceSet:
    """Rows of ImageSets/train.txt and val.txt, if they are there, make the split. Raises UserError for a missing folder."""
    root = find_folder(src, ("training", "."), LAYOUT)
    images = image_stems(find_folder(root, ("image_2",), LAYOUT))
    labels = find_folder(root, ("label_2",), LAYOUT)
    entries = {stem: partial(_read, image, labels / f"{stem}.txt") for stem, image in images.items()}
    lists = {split: src / "ImageSets" / f"{split}.txt" for split in ("train", "val")}
    boxes = {name: IGNORE_CATEGORY if name in UNSURE else common_class(name) or name for name in TYPES}
    return SourceSet(listed_splits(entries, lists), Vocabulary(boxes, (*TYPES, REAR, FRONT)))


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


def _read(image: Path, labels: Path) -> LabelledImage:
    existing(labels, str(image))
    found = LabelledImage(image, image.name, upright_hw(image), boxes=[])
    for where, line in read_lines(labels):
        _add_row(found, line.split(), where)
    return found


def _add_row(found: LabelledImage, row: list[str], where: str) -> None:
    if len(row) < COLUMNS:
        raise UserError(f"{where}: {len(row)} columns; KITTI object labels have {COLUMNS}: type truncated occluded alpha ...")
    name = row[0]
    if name not in TYPES:
        raise UserError(f"{where}: type '{name}' is none of KITTI's ({', '.join(TYPES)}); mend the row")
    truncated, occluded, alpha, left, top, right, bottom, _, width, length = numbers(row[1:11], where)
    xyxy = (left, top, right, bottom)
    found.add_box(name, xyxy, where)
    if name not in VEHICLES:
        return
    face, part, share = visible_face(alpha, width, length, xyxy)
    if truncated > TRUNCATED_ABOVE or occluded >= LARGELY_OCCLUDED:
        found.add_box(face, xyxy, where, crowd=True)
    else:
        found.add_box(face, part, where, crowd=share < MIN_FACE_SHARE)


FORMAT = Format("kitti", "KITTI object", LAYOUT, open_kitti)
