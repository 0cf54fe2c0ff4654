"""Pascal VOC: Annotations/*.xml over JPEGImages, as the VOC 2012 development kit describes them, or XML files and images of the same
stems in any folders, as labelling tools write them.

Coordinates are 1-based and inclusive; `difficult` objects become ignore regions.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

from mtzoo.data.convert.layout import image_stems, listed_splits, numbers
from mtzoo.data.convert.listing import Listing, labels_by_split, pair_files, unlabelled_remarks, within
from mtzoo.data.convert.records import SWAPPED, Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.convert.safe_xml import read_xml, text_of
from mtzoo.data.images import upright_hw
from mtzoo.data.masks import no_image
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError

LAYOUT = "Annotations/*.xml and JPEGImages/ or images/, with ImageSets/Main/{train,val}.txt if there are, or images and XML files of " \
         "the same stems in any folders"
FOLDERS = ("Annotations", "annotations"), ("JPEGImages", "images")
UNLABELLED = "image without an XML"
ROOT = re.compile(r"<annotation[\s>]")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def voc_xmls(listing: Listing) -> list[Path]:
    """The XML files of this format."""
    return [path for path in listing.of(".xml") if ROOT.search(listing.head(path))]


def open_voc(places: Places) -> SourceSet:
    """Every XML with its image. Raises UserError if there is none, and for an XML in `Annotations` whose image is missing."""
    src = places.src
    annotations, folder = (next((src / name for name in names if (src / name).is_dir()), None) for names in FOLDERS)
    if annotations is not None and folder is not None and places.images is None and places.labels is None:
        return _open_published(src, annotations, folder)
    listing = Listing(src)
    images = within(listing.images, places.images, src)
    pairs = pair_files(images, within(voc_xmls(listing), places.labels, src))
    if not pairs:
        raise UserError(f"{src}: no XML of Pascal VOC has the stem of an image; --data must contain {LAYOUT}")
    splits, remarks = labels_by_split(src, pairs)
    entries = {split: [Entry.of(_read, *item) for item in items] for split, items in splits.items()}
    return SourceSet(entries, _vocabulary(src / path for path in pairs.values()),
                     [*remarks, *unlabelled_remarks(images, pairs, UNLABELLED)])


def _open_published(src: Path, annotations: Path, folder: Path) -> SourceSet:
    images = image_stems(folder)
    entries: dict[str, Entry] = {}
    paths = sorted(annotations.rglob("*.xml"))
    for path in paths:
        stem = path.relative_to(annotations).with_suffix("").as_posix()
        if stem not in images:
            raise UserError(f"{path}: {no_image(folder, stem, 'XML')}")
        entries[stem] = Entry.of(_read, images[stem], f"{stem}{images[stem].suffix}", path)
    lists = {split: src / "ImageSets" / "Main" / f"{split}.txt" for split in ("train", "val")}
    remarks = [Remark("", UNLABELLED, f"{image}: no XML in {annotations}: not labelled")
               for stem, image in images.items() if stem not in entries]
    return SourceSet(listed_splits(entries, lists), _vocabulary(paths), remarks)


def _vocabulary(paths: Iterable[Path]) -> Vocabulary:
    names = {name for path in paths for name in _names(path)} - {IGNORE_CATEGORY}
    return Vocabulary(labelled=tuple(sorted(names)))


def _names(path: Path) -> set[str]:
    """Those of a file's objects; none of a file that cannot be read, which is told with its image."""
    try:
        return {text_of(thing, "name", str(path)) for thing in read_xml(path).iter("object")}
    except UserError:
        return set()


def _read(image: Path, name: str, path: Path) -> LabelledImage:
    root = read_xml(path)
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    _check_size(root, found.hw, path)
    for row, thing in enumerate(root.iter("object")):
        where = f"{path}: object[{row}]"
        name = text_of(thing, "name", where)
        xmin, ymin, xmax, ymax = numbers((text_of(thing, f"bndbox/{corner}", where) for corner in CORNERS), where)
        if xmin > xmax or ymin > ymax:
            line = f"{where}: corners {xmin:g}, {ymin:g} and {xmax:g}, {ymax:g} of '{name}' are in the wrong order"
            found.remarks.append(Remark(name, SWAPPED, line, "mended"))
            xmin, xmax, ymin, ymax = *sorted((xmin, xmax)), *sorted((ymin, ymax))
        difficult = (thing.findtext("difficult") or "0").strip() == "1"
        found.add_box(name, (xmin - 1, ymin - 1, xmax, ymax), where, crowd=difficult)
    return found


def _check_size(root: Element, hw: tuple[int, int], path: Path) -> None:
    """Some tools write 0x0 where they do not know the size; any other size has to be the image's."""
    width, height = (int(numbers([root.findtext(f"size/{side}") or "0"], str(path))[0]) for side in ("width", "height"))
    if width and height and (height, width) != hw:
        raise UserError(f"{path}: size {width}x{height}, but the image is {hw[1]}x{hw[0]}; fix one of them")


FORMAT = Format("voc", "Pascal VOC", LAYOUT, open_voc, ("images", "labels"))
