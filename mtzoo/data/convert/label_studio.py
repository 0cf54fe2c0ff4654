"""Label Studio: its JSON export, a list of tasks with rectangles and polygons in percent of the image's size.

Shapes are taken as LabelMe's are. Choices for the whole image are its classes, in a task of the control's name. A task without an
annotation is not labelled; of several annotations the last counts.
"""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.labelme import MASK_CLASSES_OF_SHAPES, Shape, shapes_image
from mtzoo.data.convert.layout import member, numbers, points, read_labels
from mtzoo.data.convert.listing import ImageFinder, Listing, by_split
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet, Vocabulary
from mtzoo.data.tag_names import TASK, is_task
from mtzoo.errors import UserError

LAYOUT = "one JSON export of Label Studio, and the images it names"
KEYS = (b'"annotations"', b'"data"', b'"result"')


def label_studio_files(listing: Listing) -> list[Path]:
    """The JSON files of this format."""
    lists = [path for path in listing.of(".json") if listing.head(path).lstrip().startswith("[")]
    return [path for path in lists if all(key in (listing.src / path).read_bytes() for key in KEYS)]


def open_label_studio(places: Places) -> SourceSet:
    """Raises UserError if no export, or more than one, is there, and for an image that is missing."""
    listing = Listing(places.src)
    found = [places.annotations] if places.annotations else [places.src / path for path in label_studio_files(listing)]
    if len(found) != 1:
        raise UserError(f"{places.src}: {len(found)} exports of Label Studio; --data must contain {LAYOUT}, or name it: --annotations "
                        "FILE")
    (path,) = found
    tasks = read_labels(path)
    if not isinstance(tasks, list):
        raise UserError(f"{path}: JSON, but no list of tasks; export it as JSON")
    images = ImageFinder(listing)
    entries: dict[Path, Entry] = {}
    remarks: list[Remark] = []
    for row, task in enumerate(tasks):
        where = f"{path}: task {row}"
        done = [a for a in member(task, "annotations", list, where) if not member({"a": a}, "a", dict, where).get("was_cancelled")]
        if not done:
            remarks.append(Remark("", "task without an annotation", f"{where}: no annotation: not labelled"))
            continue
        file = images.find(_image_name(member(task, "data", dict, where), where), where)
        entries[file] = Entry.of(_read, places.src / file, file.as_posix(), member(done[-1], "result", list, where), where)
    splits, more = by_split(sorted(entries))
    return SourceSet({split: [entries[file] for file in files] for split, files in splits.items()},
                     Vocabulary(labelled=None, masks=MASK_CLASSES_OF_SHAPES), [*remarks, *more])


def _image_name(data: dict[str, Any], where: str) -> str:
    """The file's name in "/data/local-files/?d=photos/a.jpg", "/data/upload/1/0a1b2c3d-a.jpg" or a URL."""
    text = next((value for value in data.values() if isinstance(value, str)), None)
    if text is None:
        raise UserError(f"{where}: 'data' names no image; export it again")
    parts = urlsplit(text)
    return posixpath.normpath((parse_qs(parts.query).get("d") or [unquote(parts.path)])[0]).lstrip("/")


def _read(path: Path, name: str, result: list[Any], where: str) -> LabelledImage:
    sized = [(r.get("original_height"), r.get("original_width")) for r in result if isinstance(r, dict) and r.get("original_width")]
    found = shapes_image(path, name, list(_shapes(result, where)), sized[0] if sized else None, where)
    add_tags(found, _choices(result, where), where)
    return found


def _choices(result: list[Any], where: str) -> Iterator[str]:
    """TASK:CLASS of each choice, but not of those that say something of a region: they have its id."""
    regions = {region["id"] for region in result if isinstance(region, dict) and region.get("type") != "choices" and "id" in region}
    for row, choice in enumerate(result):
        if not isinstance(choice, dict) or choice.get("type") != "choices" or choice.get("id") in regions:
            continue
        place, control = f"{where}: result[{row}]", str(choice.get("from_name"))
        for label in member(member(choice, "value", dict, place), "choices", list, place):
            yield f"{control if is_task(control) else TASK}:{label}"


def _shapes(result: list[Any], where: str) -> Iterator[Shape]:
    for row, region in enumerate(result):
        place = f"{where}: result[{row}]"
        kind, value = member(region, "type", str, place), region.get("value")
        labels = value.get(kind) if isinstance(value, dict) else None
        if kind == "choices" or not isinstance(labels, list) or not labels:  # or a text, a relation
            continue
        label, sides = str(labels[0]), [region.get("original_width"), region.get("original_height")]
        if kind not in ("rectanglelabels", "polygonlabels"):
            yield Shape(label, kind.removesuffix("labels"), [], place)
            continue
        width, height = numbers(sides, place)
        if kind == "polygonlabels":
            yield Shape(label, "polygon", [(x * width / 100, y * height / 100) for x, y in points(value.get("points"), place)], place)
        else:
            x, y, w, h = numbers((value.get(key) for key in ("x", "y", "width", "height")), place)
            corners = [(x * width / 100, y * height / 100), ((x + w) * width / 100, (y + h) * height / 100)]
            yield Shape(label, "rotated rectangle" if value.get("rotation") else "rectangle", corners, place)


FORMAT = Format("label_studio", "Label Studio JSON", LAYOUT, open_label_studio, ("annotations",))
