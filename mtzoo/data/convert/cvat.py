"""CVAT for images 1.1: one XML with an <image> for each image, and boxes, polygons, polylines in it.

Shapes are taken as LabelMe's are. A box that is `outside` is none; of a mask the box around it is kept. Tags are classes of the whole
image.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.labelme import MASK_CLASSES_OF_SHAPES, Shape, shapes_image
from mtzoo.data.convert.layout import numbers
from mtzoo.data.convert.listing import ImageFinder, Listing, by_split
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, SourceSet, Vocabulary
from mtzoo.data.convert.safe_xml import read_xml
from mtzoo.errors import UserError

LAYOUT = "one XML of \"CVAT for images 1.1\" (annotations.xml), and the images it names"
CORNERS = ("xtl", "ytl", "xbr", "ybr")
KINDS = {"polygon": "polygon", "polyline": "linestrip", "points": "point"}


def cvat_xmls(listing: Listing) -> list[Path]:
    """The XML files of this format."""
    return [path for path in listing.of(".xml") if "<annotations>" in listing.head(path)]


def open_cvat(places: Places) -> SourceSet:
    """Raises UserError if no XML, or more than one, is there, and for an image that is missing."""
    listing = Listing(places.src)
    found = [places.annotations] if places.annotations else [places.src / path for path in cvat_xmls(listing)]
    if len(found) != 1:
        raise UserError(f"{places.src}: {len(found)} XML files of CVAT; --data must contain {LAYOUT}, or name it: --annotations FILE")
    (path,) = found
    images = ImageFinder(listing)
    entries: dict[Path, Entry] = {}
    for image in read_xml(path).iter("image"):
        where = f"{path}: image '{image.get('name')}'"
        file = images.find(image.get("name") or "", where)
        entries[file] = Entry.of(_read, places.src / file, file.as_posix(), image, where)
    splits, remarks = by_split(sorted(entries))
    return SourceSet({split: [entries[file] for file in files] for split, files in splits.items()},
                     Vocabulary(labelled=None, masks=MASK_CLASSES_OF_SHAPES), remarks)


def _read(path: Path, name: str, image: Element, where: str) -> LabelledImage:
    told = [int(numbers([image.get(side) or "0"], where)[0]) for side in ("height", "width")]
    found = shapes_image(path, name, list(_shapes(image, where)), (told[0], told[1]) if all(told) else None, where)
    add_tags(found, _tags(image, where), where)
    return found


def _tags(image: Element, where: str) -> Iterator[str]:
    for row, tag in enumerate(image.findall("tag")):
        yield _label(tag, f"{where}: tag[{row}]")


def _label(element: Element, where: str) -> str:
    label = element.get("label")
    if not label:
        raise UserError(f"{where}: no label; export it again")
    return label


def _shapes(image: Element, where: str) -> Iterator[Shape]:
    for row, shape in enumerate(image):
        place = f"{where}: {shape.tag}[{row}]"
        if shape.tag == "tag" or shape.get("outside") == "1":
            continue
        label = _label(shape, place)
        if shape.tag == "box":
            x1, y1, x2, y2 = numbers((shape.get(corner) for corner in CORNERS), place)
            yield Shape(label, "rectangle", [(x1, y1), (x2, y2)], place)
        elif shape.tag in KINDS:
            yield Shape(label, KINDS[shape.tag], _points(shape.get("points") or "", place), place)
        elif shape.tag == "mask":
            x, y, w, h = numbers((shape.get(key) for key in ("left", "top", "width", "height")), place)
            yield Shape(label, "rectangle", [(x, y), (x + w, y + h)], place)
        elif shape.tag == "ellipse":
            x, y, rx, ry = numbers((shape.get(key) for key in ("cx", "cy", "rx", "ry")), place)
            yield Shape(label, "rectangle", [(x - rx, y - ry), (x + rx, y + ry)], place)
        else:
            yield Shape(label, shape.tag, [], place)


def _points(text: str, where: str) -> list[tuple[float, float]]:
    """ "1,2;3,4" -> [(1, 2), (3, 4)]."""
    found = []
    for pair in filter(None, text.split(";")):
        values = numbers(pair.split(","), where)
        if len(values) != 2:
            raise UserError(f"{where}: {pair!r:.40} is not a point x,y; export it again")
        found.append((values[0], values[1]))
    return found


FORMAT = Format("cvat", "CVAT for images", LAYOUT, open_cvat, ("annotations",))
