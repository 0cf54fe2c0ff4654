"""CVAT: one XML. "CVAT for images 1.1" has an <image> for each image with its shapes, "CVAT for video 1.1" a <track> for each object
with its shape in each frame.

What becomes of shapes is told in `shapes`. One that is `outside` is none. Tags are classes of the whole image. The image of a frame is
the one whose name ends with its number, as CVAT exports it: frame_000012.png.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from mtzoo.data.convert.drawing import Points
from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.layout import numbers
from mtzoo.data.convert.listing import ImageFinder, Listing, by_split, unlabelled_remarks
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet
from mtzoo.data.convert.safe_xml import read_xml
from mtzoo.data.convert.shapes import (
    Shape,
    ellipse,
    mask_shape,
    painted_names,
    rotated,
    runs_to_pixels,
    shapes_image,
    shapes_vocabulary,
)
from mtzoo.errors import UserError
from mtzoo.structures import MAX_PIXELS

LAYOUT = "one XML of \"CVAT for images 1.1\" or \"CVAT for video 1.1\" (annotations.xml), and the images it names, or the frames"
CORNERS = ("xtl", "ytl", "xbr", "ybr")
KINDS = {"box": "rectangle", "ellipse": "polygon", "polyline": "linestrip", "points": "point"}
"""Their tag -> our kind of shape, where the two differ."""
FRAME = re.compile(r"(\d+)$")


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
    root, finder = read_xml(path), ImageFinder(listing)
    labelled: dict[Path, tuple[Element, str]] = {}
    for image in root.iter("image"):
        where = f"{path}: image '{image.get('name')}'"
        labelled[finder.find(image.get("name") or "", where)] = image, where
    frames, remarks = _frames(root, listing, path)
    labelled |= frames
    named = {(KINDS.get(shape.tag, shape.tag), shape.get("label") or "") for image, _ in labelled.values() for shape in image
             if shape.get("outside") != "1"}
    names = painted_names(named)
    remarks += unlabelled_remarks(listing.images, labelled, "image that the XML does not name")
    splits, more = by_split(sorted(labelled))
    entries = {split: [Entry.of(_read, places.src / file, file.as_posix(), *labelled[file], names) for file in files]
               for split, files in splits.items()}
    return SourceSet(entries, shapes_vocabulary(named), [*remarks, *more])


def _frames(root: Element, listing: Listing, path: Path) -> tuple[dict[Path, tuple[Element, str]], list[Remark]]:
    """{image: its shapes as CVAT for images has them, its place in messages} of a video's frames; and a remark for each labelled frame
    without an image. A frame in which no track is seen shows no object."""
    tracks = list(root.iter("track"))
    if not tracks:
        return {}, []
    _check_numbering(root, tracks, path)
    images, stop = _numbered_images(listing), root.findtext("meta//stop_frame")
    last = numbers([stop], f"{path}: stop_frame")[0] if stop else math.inf
    frames = {number: Element("image") for number in images if number <= last}
    missing: set[int] = set()
    for row, track in enumerate(tracks):
        for shape in track:
            number = int(numbers([shape.get("frame")], f"{path}: track[{row}]: {shape.tag}: frame")[0])
            if number in images:
                shape.set("label", track.get("label") or "")
                frames.setdefault(number, Element("image")).append(shape)
            else:
                missing.add(number)
    if missing and not any(len(frame) for frame in frames.values()):
        raise UserError(f"{path}: frame {min(missing)} is labelled, and no image in {listing.src} is called so; take the frames out of "
                        "the video: ffmpeg -i VIDEO -start_number 0 frame_%06d.png")
    lost = [Remark("", "labelled frame without an image", f"{path}: frame {number}: no image is called so, e.g. frame_{number:06d}.png")
            for number in sorted(missing)]
    return {images[number]: (frame, f"{path}: frame {number}") for number, frame in frames.items()}, lost


def _check_numbering(root: Element, tracks: Sequence[Element], path: Path) -> None:
    """Raises UserError where a frame's number does not say which image it is."""
    if len({track.get("task_id") for track in tracks}) > 1:
        raise UserError(f"{path}: tracks of several tasks, whose frames have the same numbers; export each task by itself")
    if root.findtext("meta//start_frame", "0").strip() != "0" or root.findtext("meta//frame_filter", "").strip():
        raise UserError(f"{path}: the task is a part of its video (start_frame, frame_filter), so that a frame's number does not say "
                        "which image it is; export it as \"CVAT for images 1.1\"")


def _numbered_images(listing: Listing) -> dict[int, Path]:
    """{number that its name ends with: image}. Raises UserError for two of one number."""
    found: dict[int, list[Path]] = defaultdict(list)
    for image in listing.images:
        if number := FRAME.search(image.stem):
            found[int(number[1])].append(image)
    if twice := next((images for images in found.values() if len(images) > 1), None):
        raise UserError(f"{listing.src}: {twice[0]} and {twice[1]} end with the same number; keep the frames of one video")
    return {number: images[0] for number, images in found.items()}


def _read(path: Path, name: str, image: Element, where: str, names: tuple[str, ...]) -> LabelledImage:
    told = [int(numbers([image.get(side) or "0"], where)[0]) for side in ("height", "width")]
    shapes = list(_shapes(image, where))
    found = shapes_image(path, name, shapes, names, (told[0], told[1]) if all(told) else None, where)
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
    """From the bottom to the top, as they lie over each other."""
    rows = [(shape, f"{where}: {shape.tag}[{row}]") for row, shape in enumerate(image) if shape.tag != "tag"]
    seen = [(shape, place) for shape, place in rows if shape.get("outside") != "1"]
    for shape, place in sorted(seen, key=lambda row: numbers([row[0].get("z_order") or "0"], row[1])[0]):
        yield _shape(shape, _label(shape, place), place)


def _shape(shape: Element, label: str, where: str) -> Shape:
    if shape.tag == "box":
        x1, y1, x2, y2 = _numbers(shape, CORNERS, where)
        corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
        return Shape(label, "rectangle", rotated(corners, ((x1 + x2) / 2, (y1 + y2) / 2), _rotation(shape, where)), where)
    if shape.tag == "ellipse":
        x, y, rx, ry = _numbers(shape, ("cx", "cy", "rx", "ry"), where)
        return Shape(label, "polygon", ellipse((x, y), (rx, ry), _rotation(shape, where)), where)
    if shape.tag == "mask":
        return _mask(shape, label, where)
    if shape.tag in ("polygon", "polyline"):
        return Shape(label, KINDS.get(shape.tag, shape.tag), _points(shape.get("points") or "", where), where)
    return Shape(label, KINDS.get(shape.tag, shape.tag), [], where)


def _mask(shape: Element, label: str, where: str) -> Shape:
    """CVAT's runs go along the rows of the mask's rectangle."""
    x, y, width, height = (int(value) for value in _numbers(shape, ("left", "top", "width", "height"), where))
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise UserError(f"{where}: a mask of {width}x{height}; export it again")
    runs = [int(run) for run in numbers((shape.get("rle") or "").split(","), f"{where}: rle")]
    return mask_shape(label, runs_to_pixels(runs, (height, width), where), (x, y), where)


def _numbers(shape: Element, keys: Iterable[str], where: str) -> list[float]:
    return numbers((shape.get(key) for key in keys), where)


def _rotation(shape: Element, where: str) -> float:
    """Degrees, clockwise, around the centre."""
    return numbers([shape.get("rotation") or "0"], where)[0]


def _points(text: str, where: str) -> Points:
    """ "1,2;3,4" -> [(1, 2), (3, 4)]."""
    found = []
    for pair in filter(None, text.split(";")):
        values = numbers(pair.split(","), where)
        if len(values) != 2:
            raise UserError(f"{where}: {pair!r:.40} is not a point x,y; export it again")
        found.append((values[0], values[1]))
    return found


FORMAT = Format("cvat", "CVAT for images or video", LAYOUT, open_cvat, ("annotations",))
