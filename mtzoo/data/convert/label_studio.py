"""Label Studio: its JSON or JSON-MIN export, a list of tasks with regions in percent of the image's size.

What becomes of shapes is told in `shapes`. Choices for the whole image are its classes, in a task of the control's name. A task without
an annotation is not labelled; of several annotations the last counts. JSON-MIN has a row for each annotation, and its columns are both
those of the data and the controls.
"""

import codecs
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.label_studio_brush import brush_pixels
from mtzoo.data.convert.layout import member, numbers, points, read_labels
from mtzoo.data.convert.listing import HEAD_BYTES, ImageFinder, Listing, by_split, unlabelled_remarks
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Places, Remark, SourceSet
from mtzoo.data.convert.shapes import (
    Shape,
    ellipse,
    mask_shape,
    painted_names,
    rotated,
    shapes_image,
    shapes_vocabulary,
)
from mtzoo.data.images import IMAGE_SUFFIXES
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.data.tag_names import TASK, is_task
from mtzoo.errors import UserError, shown
from mtzoo.structures import MAX_PIXELS

LAYOUT = "one JSON or JSON-MIN export of Label Studio, and the images it names"
KEYS = ((b'"annotations"', b'"data"', b'"result"'), (b'"annotation_id"', b'"annotator"', b'"lead_time"'))
"""Of JSON and of JSON-MIN."""
REGIONS = {"rle": "mask", "points": "polygon", "radiusX": "ellipse", "height": "rectangle"}
"""A key of a region's value -> what it is: the first that it has."""
REPLACED = "annotation of an image that has a later one"
TEXTS = ("textarea", "rating", "number", "datetime", "pairwise", "taxonomy")
"""Of a region or of the image; a region's have its place, too."""
Result = dict[str, Any]
"""One thing that a person said: "value", "type", "from_name", and of a region its "id" and the image's size."""


@dataclass(frozen=True)
class _Region:
    """Results of one id: a place in the image, and what was said of it. labels: may come from a control of their own."""

    first: Result
    where: str
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    """One annotation. unsaid: columns of which JSON-MIN does not tell whether they are choices."""

    image: str
    results: list[Result]
    where: str
    unsaid: tuple[str, ...] = ()


def label_studio_files(listing: Listing) -> list[Path]:
    """The JSON files of this format."""
    return [path for path in listing.of(".json") if is_label_studio(listing.src / path)]


def is_label_studio(path: Path) -> bool:
    """Whether a JSON file is of this format: a list with an export's keys."""
    with open(path, "rb") as file:
        start = file.read(HEAD_BYTES)
        if not start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
            return False
        content = start + file.read()
    return any(all(key in content for key in keys) for keys in KEYS)


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
    remarks: list[Remark] = []
    rows: dict[Path, _Row] = {}
    images = ImageFinder(listing)
    for number, task in enumerate(tasks):
        if row := _row(task, f"{path}: task {number}", remarks):
            file = images.find(row.image, row.where)
            if file in rows:
                remarks.append(Remark("", REPLACED, f"{rows[file].where}: {row.where} is of the same image, and counts"))
            rows[file] = row
    named = {shape for row in rows.values() for shape in _named(row)}
    names = painted_names(named)
    remarks += unlabelled_remarks(listing.images, rows, "image without an annotation")
    splits, more = by_split(sorted(rows))
    entries = {split: [Entry.of(_read, places.src / file, file.as_posix(), rows[file], names) for file in files]
               for split, files in splits.items()}
    return SourceSet(entries, shapes_vocabulary(named), [*remarks, *more])


def _row(task: Any, where: str, remarks: list[Remark]) -> _Row | None:
    """What counts of a task; None if it has no annotation: its image is not labelled."""
    if isinstance(task, dict) and "data" not in task and "annotation_id" in task:
        return _min_row(task, where)
    done = [a for a in member(task, "annotations", list, where) if not member({"a": a}, "a", dict, where).get("was_cancelled")]
    if not done:
        return None
    remarks += [Remark("", REPLACED, f"{where}: annotation {k} of {len(done)}: a later one counts") for k in range(1, len(done))]
    results = [member({"r": r}, "r", dict, f"{where}: result[{k}]") for k, r in enumerate(member(done[-1], "result", list, where))]
    return _Row(_image_name(member(task, "data", dict, where), where), results, where)


def _min_row(task: dict[str, Any], where: str) -> _Row:
    """A row of JSON-MIN. A choice is {"choices": [...]}, but a single one is a plain text, as a text of the data is."""
    results: list[Result] = []
    unsaid = []
    for column, held in task.items():
        if isinstance(held, str) and column not in ("created_at", "updated_at") and not _is_image(held):
            unsaid.append(column)
        for value in held if isinstance(held, list) else [held]:
            if isinstance(value, dict):
                kind = next((key for key in value if key.endswith("labels") or key == "choices"), "")
                results.append({**value, "value": value, "type": kind, "from_name": column})
    return _Row(_image_name(task, where), results, where, tuple(unsaid))


def _is_image(text: str) -> bool:
    return posixpath.splitext(_path_in(text))[1].lower() in IMAGE_SUFFIXES


def _path_in(text: str) -> str:
    """The file in "/data/local-files/?d=photos/a.jpg", "/data/upload/1/0a1b2c3d-a.jpg" or a URL."""
    parts = urlsplit(text)
    return posixpath.normpath((parse_qs(parts.query).get("d") or [unquote(parts.path)])[0]).lstrip("/")


def _image_name(data: Mapping[str, Any], where: str) -> str:
    texts = [value for value in data.values() if isinstance(value, str)]
    text = next((text for text in texts if _is_image(text)), None)
    if text is None:
        raise UserError(f"{where}: 'data' names no image; export it again")
    return _path_in(text)


def _read(path: Path, name: str, row: _Row, names: tuple[str, ...]) -> LabelledImage:
    _check_view(row)
    sized = [(r["original_height"], r.get("original_width")) for r in row.results if r.get("original_height")]
    regions = _regions(row)
    shapes = [_shape(region) for region in regions.values()]
    found = shapes_image(path, name, shapes, names, sized[0] if sized else None, row.where)
    found.remarks += _unread(row, regions)
    add_tags(found, _choices(row, regions), row.where)
    return found


def _check_view(row: _Row) -> None:
    """Raises UserError for a region drawn on a turned image: whether its coordinates are those of the image differs from version to
    version of Label Studio."""
    for number, result in enumerate(row.results):
        if turn := result.get("image_rotation"):
            raise UserError(f"{row.where}: result[{number}]: image_rotation is {shown(turn)}: drawn on a turned image, so that its "
                            "place is not known; turn the image file itself and label it anew")


def _regions(row: _Row) -> dict[object, _Region]:
    """The regions by id, or by their place in the list where they have none."""
    found: dict[object, _Region] = {}
    for number, result in enumerate(row.results):
        kind, value = str(result.get("type")), result.get("value")
        if not isinstance(value, dict) or not (kind.endswith("labels") or any(key in value for key in REGIONS)):
            continue
        region = found.setdefault(result.get("id", number), _Region(result, f"{row.where}: result[{number}]"))
        if kind.endswith("labels"):
            labels = member(value, kind, list, region.where) if value.get(kind) else []
            region.labels.extend(str(label) for label in labels if str(label) not in region.labels)
    return found


def _named(row: _Row) -> set[tuple[str, str]]:
    """(kind, label) of its regions; none of a row that cannot be read, which is told with its image."""
    try:
        return {("polygon" if _kind(region) == "ellipse" else _kind(region), _label_of(region)) for region in _regions(row).values()}
    except UserError:
        return set()


def _kind(region: _Region) -> str:
    """One of REGIONS, or "" for what is none of them."""
    return next((kind for key, kind in REGIONS.items() if key in region.first["value"]), "")


def _label_of(region: _Region) -> str:
    """Its first label. One without any is an object that nobody named: an ignore region."""
    return region.labels[0] if region.labels else IGNORE_CATEGORY


def _choices(row: _Row, regions: Mapping[object, _Region]) -> Iterator[str]:
    """TASK:CLASS of each choice, but not of those that say something of a region: they have its id."""
    for number, choice in enumerate(row.results):
        if choice.get("type") != "choices" or choice.get("id") in regions:
            continue
        place, control = f"{row.where}: result[{number}]", str(choice.get("from_name"))
        for label in member(member(choice, "value", dict, place), "choices", list, place):
            yield f"{control if is_task(control) else TASK}:{label}"


def _unread(row: _Row, regions: Mapping[object, _Region]) -> Iterator[Remark]:
    """What the annotation says and nobody reads."""
    for number, result in enumerate(row.results):
        kind, place = str(result.get("type")), f"{row.where}: result[{number}]"
        if kind == "choices" and result.get("id") in regions:
            yield Remark("", "choice of a region", f"{place}: a choice of a region, not of the image: not read")
        elif kind != "choices" and result.get("id", number) not in regions or kind in TEXTS:
            yield Remark("", f"{kind:.40}, which is not read", f"{place}: '{kind}' is not read")
    for region in regions.values():
        if not region.labels:
            yield Remark("", "region without a label", f"{region.where}: no label: an ignore region", "ignored")
        elif len(region.labels) > 1:
            yield Remark("", "second label of a region", f"{region.where}: {', '.join(region.labels)}: the first counts")
    for column in row.unsaid:
        yield Remark("", f"text '{column}', of which JSON-MIN does not say whether it is a choice",
                     f"{row.where}: '{column}': a choice or a text of the data; export as JSON if it is a choice")


def _shape(region: _Region) -> Shape:
    """In pixels of the image."""
    result, where, label = region.first, region.where, _label_of(region)
    value, kind = result["value"], _kind(region)
    if not kind:
        return Shape(label, str(result.get("type")).removesuffix("labels"), [], where)
    width, height = numbers([result.get("original_width"), result.get("original_height")], where)
    if kind == "mask":
        if min(width, height) < 1 or width * height > MAX_PIXELS:
            raise UserError(f"{where}: made for an image of {width:g}x{height:g}; export it again")
        return mask_shape(label, brush_pixels(value["rle"], (int(height), int(width)), where), (0, 0), where)
    if kind == "polygon":
        return Shape(label, kind, [(x * width / 100, y * height / 100) for x, y in points(value["points"], where)], where)
    x, y, degrees = numbers([value.get("x"), value.get("y"), value.get("rotation") or 0], where)
    start = x * width / 100, y * height / 100
    if kind == "ellipse":
        rx, ry = numbers([value.get("radiusX"), value.get("radiusY")], where)
        return Shape(label, "polygon", ellipse(start, (rx * width / 100, ry * height / 100), degrees), where)
    w, h = numbers([value.get("width"), value.get("height")], where)
    end = start[0] + w * width / 100, start[1] + h * height / 100
    corners = [start, (end[0], start[1]), end, (start[0], end[1])]
    return Shape(label, kind, rotated(corners, start, degrees), where)  # Label Studio turns around the corner x, y


FORMAT = Format("label_studio", "Label Studio JSON", LAYOUT, open_label_studio, ("annotations",))
