"""PASCAL annotation 1.00: a text file for each image, as in Penn-Fudan and the VOC challenges of 2005 and 2006.

Corners are 1-based and inclusive. Labels are written PASpersonWalking, PAScarRear: the kind of object after "PAS", then how it is seen.
"""

import re
from pathlib import Path

from mtzoo.data.convert.classes import common_class
from mtzoo.data.convert.layout import numbers, read_text
from mtzoo.data.convert.listing import Listing, labels_by_split, pair_files, unlabelled_remarks, within
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, SourceSet, Vocabulary
from mtzoo.data.images import upright_hw
from mtzoo.errors import UserError

LAYOUT = "text files that begin '# Compatible with PASCAL Annotation Version', and images of the same stems, in any folders"
HEADER = "PASCAL Annotation"
SIZE = re.compile(r"^Image size[^:]*:\s*(\d+)\s*x\s*(\d+)", re.MULTILINE)
POINT = r"\(([^,)\n]*),([^,)\n]*)\)"
BOX = re.compile(rf'^Bounding box for object[^"\n]*"([^"\n]+)"[^:\n]*:\s*{POINT}\s*-\s*{POINT}', re.MULTILINE)
BOX_ROW = re.compile(r"^Bounding box for object", re.MULTILINE)


def pascal_texts(listing: Listing) -> list[Path]:
    """The annotation files of this format."""
    return [path for path in listing.of(".txt") if HEADER in listing.head(path)[:200]]


def open_pascal(places: Places) -> SourceSet:
    """Raises UserError if no annotation file belongs to an image."""
    listing = Listing(places.src)
    images = within(listing.images, places.images, places.src)
    pairs = pair_files(images, within(pascal_texts(listing), places.labels, places.src))
    if not pairs:
        raise UserError(f"{places.src}: no PASCAL text of an image in it; --data must contain {LAYOUT}")
    splits, remarks = labels_by_split(places.src, pairs)
    names = sorted({name for path in pairs.values() for name in _names(places.src / path)})
    vocabulary = Vocabulary({name: kind for name in names if (kind := common_class(plain_kind(name)))}, tuple(names))
    entries = {split: [Entry.of(_read, *item) for item in items] for split, items in splits.items()}
    return SourceSet(entries, vocabulary, [*remarks, *unlabelled_remarks(images, pairs, "image without a PASCAL text")])


def _names(path: Path) -> list[str]:
    """Those of a file's objects; none of a file that cannot be read, which is told with its image."""
    try:
        return [name for name, *_ in BOX.findall(read_text(path))]
    except UserError:
        return []


def plain_kind(label: str) -> str:
    """ "PASpersonWalking" -> "person"; any other label as it is."""
    found = re.match(r"PAS([a-z]+)", label)
    return found.group(1) if found else label


def _read(image: Path, name: str, path: Path) -> LabelledImage:
    found, text = LabelledImage(image, name, upright_hw(image), boxes=[]), read_text(path)
    size = SIZE.search(text)
    if size and (int(size[2]), int(size[1])) != found.hw:
        raise UserError(f"{path}: size {size[1]}x{size[2]}, but the image is {found.hw[1]}x{found.hw[0]}; fix one of them")
    rows = list(BOX.finditer(text))
    if len(rows) != len(BOX_ROW.findall(text)):
        raise UserError(f"{path}: a row 'Bounding box for object' cannot be read; it is written "
                        'Bounding box for object 1 "LABEL" (Xmin, Ymin) - (Xmax, Ymax) : (10, 20) - (30, 40)')
    for row in rows:
        where = f"{path}:{text.count(chr(10), 0, row.start()) + 1}"
        xmin, ymin, xmax, ymax = numbers((value.strip() for value in row.groups()[1:]), where)
        found.add_box(row[1], (xmin - 1, ymin - 1, xmax, ymax), where)
    return found


FORMAT = Format("pascal", "PASCAL text", LAYOUT, open_pascal, ("images", "labels"))
