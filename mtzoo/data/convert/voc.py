"""Pascal VOC: Annotations/*.xml over JPEGImages, as the VOC 2012 development kit describes them.

Coordinates are 1-based and inclusive; `difficult` objects become ignore regions.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

from mtzoo.data.convert.layout import find_folder, image_stems, listed_splits, numbers
from mtzoo.data.convert.records import SWAPPED, Entry, Format, LabelledImage, Remark, SourceSet, Vocabulary, published
from mtzoo.data.convert.safe_xml import read_xml, text_of
from mtzoo.data.images import upright_hw
from mtzoo.data.masks import no_image
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError

LAYOUT = "Annotations/*.xml and JPEGImages/ or images/, with ImageSets/Main/{train,val}.txt if there are"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def open_voc(src: Path) -> SourceSet:
    """Every XML with its image. Raises UserError for an XML whose image is missing."""
    annotations = find_folder(src, ("Annotations", "annotations"), LAYOUT)
    folder = find_folder(src, ("JPEGImages", "images"), LAYOUT)
    images = image_stems(folder)
    entries: dict[str, Entry] = {}
    paths = sorted(annotations.rglob("*.xml"))
    for path in paths:
        stem = path.relative_to(annotations).with_suffix("").as_posix()
        if stem not in images:
            raise UserError(f"{path}: {no_image(folder, stem, 'XML')}")
        entries[stem] = Entry.of(_read, images[stem], path, f"{stem}{images[stem].suffix}")
    lists = {split: src / "ImageSets" / "Main" / f"{split}.txt" for split in ("train", "val")}
    remarks = [Remark("", "image without an XML", f"{image}: no XML in {annotations}: not labelled")
               for stem, image in images.items() if stem not in entries]
    names = {name for path in paths for name in _names(path)} - {IGNORE_CATEGORY}
    return SourceSet(listed_splits(entries, lists), Vocabulary(labelled=tuple(sorted(names))), remarks)


def _names(path: Path) -> set[str]:
    """Those of a file's objects; none of a file that cannot be read, which is told with its image."""
    try:
        return {text_of(thing, "name", str(path)) for thing in read_xml(path).iter("object")}
    except UserError:
        return set()


def _read(image: Path, path: Path, name: str) -> LabelledImage:
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


FORMAT = Format("voc", "Pascal VOC", LAYOUT, published(open_voc))
