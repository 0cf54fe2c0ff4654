"""COCO JSON -> boxes per image of one detection task, and every fault of the file in one pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mtzoo.data.coco_shapes import XYXY, segmentation_box
from mtzoo.data.images import MAX_PIXELS
from mtzoo.data.json_file import read_json
from mtzoo.data.names import is_absolute, name_problem, posix_name
from mtzoo.data.sources import IGNORE_CATEGORY, CocoBoxes, Fault, expand_path
from mtzoo.errors import UserError, did_you_mean, listed, shown
from mtzoo.structures import Boxes

OUTSIDE_TOLERANCE = 1.0
"""Pixels a box may reach over the image's edge: rounding of other tools. It is clipped."""

_FAR = 1e9  # pixels; an integer in JSON may be too large for a float
_ADVICE = "give a COCO annotation file as the source's `annotations`"


@dataclass(frozen=True)
class UnreadObject:
    """An annotation that has a fault. category: its id, or None; xyxy: where it lies, not clipped, None where that is not known;
    sure: nothing is wrong with category and extent, so that it may serve as an object."""

    category: int | None
    xyxy: XYXY | None
    crowd: bool
    sure: bool
    line: str


@dataclass(frozen=True)
class CocoImage:
    """One entry of `images`. boxes: (category id, x, y, w, h, is crowd), checked and clipped to the image; unread: annotations
    with a fault; unknown: ids of categories of which not every object here is annotated (`not_exhaustive_category_ids`)."""

    file: str
    hw: tuple[int, int]
    boxes: list[tuple[int, float, float, float, float, bool]]
    unread: list[UnreadObject]
    unknown: tuple[int, ...] = ()


@dataclass(frozen=True)
class CocoFile:
    """A parsed file: images by id, category names by id, and what was wrong."""

    images: dict[int, CocoImage]
    categories: dict[int, str]
    faults: list[Fault]

    def faultless(self) -> "CocoFile":
        """The same, for who can leave nothing out. Raises UserError with the first fault."""
        if self.faults:
            raise UserError(f"{self.faults[0]} ({len(self.faults)} faults in all; mend the file first)")
        return self


def load_coco(path: Path, *, absolute_names: bool = False) -> CocoFile:
    """Parse once per content: several tasks read the same file. absolute_names: keep images whose file_name is an absolute path, for
    who knows where they lie now. Raises UserError if it is no COCO JSON at all."""
    try:
        stat = path.stat()
    except OSError:
        raise UserError(f"{path}: no such annotation file; {_ADVICE}") from None
    return _load_coco(path, stat.st_mtime_ns, stat.st_size, absolute_names)


@lru_cache(maxsize=8)
def _load_coco(path: Path, mtime_ns: int, size: int, absolute_names: bool) -> CocoFile:
    content = read_json(path, "annotation file", _ADVICE, _without_outline)
    if not isinstance(content, dict):
        raise UserError(f"{path}: JSON, but not COCO: the top level is not an object; {_ADVICE}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise UserError(f"{path}: JSON, but not COCO: no list '{key}'; {_ADVICE}")
    faults: list[Fault] = []
    categories = _categories(content["categories"], path, faults)
    images = _images(content["images"], path, faults, absolute_names)
    seen: set[int] = set()
    entries = content["annotations"]
    for row in range(len(entries)):
        entry, entries[row] = entries[row], None  # gone once it is read: there may be millions
        problem, extent = _annotation_problem(entry, seen, images, categories)
        if problem is None:
            _add_box(entry, images[entry["image_id"]], extent)
            continue
        number, image_id = (entry.get("id"), entry.get("image_id")) if isinstance(entry, dict) else (None, None)
        faults.append(Fault(str(path), f"annotations[{row}] id={shown(number)}", problem))
        if _is_id(image_id) and image_id in images:
            images[image_id].unread.append(_unread(entry, images[image_id], categories, str(faults[-1])))
    return CocoFile(images, categories, faults)


def _without_outline(entry: dict) -> dict:
    """An annotation without its polygons where a box says all that is read here: they are most of a file."""
    if "segmentation" in entry and _is_box(entry.get("bbox")) and not _tells_nothing(entry["bbox"]):
        del entry["segmentation"]
    return entry


def _categories(entries: list, path: Path, faults: list[Fault]) -> dict[int, str]:
    categories: dict[int, str] = {}
    for row, entry in enumerate(entries):
        problem = _entry_problem(entry, "name")
        if not problem and entry["id"] in categories:
            problem = f"category id {entry['id']} is there twice; give each its own"
        if problem:
            faults.append(Fault(str(path), f"categories[{row}]", problem))
        else:
            categories[entry["id"]] = entry["name"]
    return categories


def _images(entries: list, path: Path, faults: list[Fault], absolute_names: bool) -> dict[int, CocoImage]:
    images: dict[int, CocoImage] = {}
    files: set[str] = set()
    for row, entry in enumerate(entries):
        problem = _entry_problem(entry, "file_name") or _image_problem(entry, images, files, absolute_names)
        if problem:
            faults.append(Fault(str(path), f"images[{row}]", problem))
            continue
        file = posix_name(entry["file_name"])
        files.add(file)
        unknown = tuple(entry.get("not_exhaustive_category_ids") or ())
        images[entry["id"]] = CocoImage(file, (entry["height"], entry["width"]), [], [], unknown)
    return images


def _entry_problem(entry: object, text: str) -> str | None:
    """What is wrong with an entry that has to be an object with an integer id and a text."""
    if not isinstance(entry, dict):
        return f"{shown(entry)} is not an object; fix the entry"
    if _is_id(entry.get("id")) and isinstance(entry.get(text), str):
        return None
    return f"needs an integer 'id' and a '{text}', not {shown(entry.get('id'))} and {shown(entry.get(text))}; fix the entry"


def _image_problem(entry: dict, images: dict[int, CocoImage], files: set[str], absolute_names: bool) -> str | None:
    file_name = shown(entry["file_name"])
    if not (absolute_names and is_absolute(entry["file_name"])) and (problem := name_problem(entry["file_name"])):
        return f"file_name {file_name} {problem}"
    width, height = entry.get("width"), entry.get("height")
    if not (_is_id(width) and _is_id(height) and width > 0 and height > 0):
        return f"{file_name} needs 'width' and 'height' in pixels, not {shown(width)} and {shown(height)}; fix the entry"
    if width * height > MAX_PIXELS:
        return f"{file_name} of {shown(width)}x{shown(height)} is more than {MAX_PIXELS // 10**6} million pixels; scale it down"
    if entry["id"] in images:
        return f"image id {entry['id']} is there twice; give each image its own"
    if posix_name(entry["file_name"]) in files:
        return f"file_name {file_name} is there twice; merge its entries"
    unknown = entry.get("not_exhaustive_category_ids") or []
    if not isinstance(unknown, list) or not all(map(_is_id, unknown)):
        return f"not_exhaustive_category_ids of {file_name} is {shown(unknown)}, no list of category ids; fix the entry"
    return None


def _annotation_problem(entry: object, seen: set[int], images: dict[int, CocoImage],
                        categories: dict[int, str]) -> tuple[str | None, XYXY | None]:
    """What is wrong with an annotation, and its extent. seen: ids so far; an annotation may do without one."""
    if not isinstance(entry, dict):
        return f"{shown(entry)} is not an object; fix the entry", None
    number, crowd = entry.get("id"), entry.get("iscrowd", 0)
    if number is not None and not _is_id(number):
        return "its id is not an integer; fix the entry", None
    if number in seen:
        return f"annotation id {number} is there twice; drop the copy, or give each its own", None
    if number is not None:
        seen.add(number)
    if crowd not in (0, 1):
        return f"iscrowd {shown(crowd)} is neither 0 nor 1; fix the entry", None
    image_id, category_id = entry.get("image_id"), entry.get("category_id")
    if not _is_id(image_id) or image_id not in images:
        return f"image_id {shown(image_id)} is not in 'images'; add the image or drop the annotation", None
    if not _is_id(category_id) or category_id not in categories:
        return f"category_id {shown(category_id)} is not in 'categories'; add the category or drop the annotation", None
    extent = _extent(entry, images[image_id])
    return _box_problem(entry.get("bbox"), extent, images[image_id]), extent


def _box_problem(bbox: object, extent: XYXY | None, image: CocoImage) -> str | None:
    """What is wrong with an annotation's box, or with its extent if that is its segmentation's."""
    if not _tells_nothing(bbox):
        if not _is_box(bbox):
            return f"bbox {shown(bbox)} is not [x, y, width, height]; fix the entry"
        if not all(-_FAR < v < _FAR for v in bbox):  # false for NaN too
            return f"bbox {shown(bbox)} is not finite or too large; fix or drop the annotation"
    if extent is None:
        return f"bbox {shown(bbox)} is not [x, y, width, height], and its segmentation has no area; fix the entry"
    (x1, y1, x2, y2), (height, width) = extent, image.hw
    overhang = max(-x1, -y1, x2 - width, y2 - height)
    if x2 > max(x1, 0) and y2 > max(y1, 0) and x1 < width and y1 < height and overhang <= OUTSIDE_TOLERANCE:
        return None
    told = f"segmentation around {[round(v, 1) for v in extent]}" if _tells_nothing(bbox) else f"bbox {shown(bbox)}"
    if x2 <= x1 or y2 <= y1:
        return f"{told} has no area; fix or drop the annotation"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return f"{told} lies outside '{image.file}' ({width}x{height}); drop the annotation"
    return f"{told} reaches {overhang:g} px outside '{image.file}' ({width}x{height}); clip or drop it"


def _tells_nothing(bbox: object) -> bool:
    """Exporters of masks leave the box out, empty or all zero: the segmentation tells it."""
    return bbox is None or bbox == [] or bbox == [0, 0, 0, 0]


def _is_box(bbox: object) -> bool:
    return isinstance(bbox, list) and len(bbox) == 4 and all(type(v) in (int, float) for v in bbox)


def _extent(entry: dict, image: CocoImage) -> XYXY | None:
    """xyxy of an annotation, not clipped: of its bbox, or else around its segmentation; None if neither tells."""
    bbox, segmentation = entry.get("bbox"), entry.get("segmentation")
    if _is_box(bbox) and not _tells_nothing(bbox) and all(-_FAR < v < _FAR for v in bbox):
        x, y, w, h = (float(v) for v in bbox)
        return x, y, x + w, y + h
    if isinstance(segmentation, dict) and segmentation.get("size") != list(image.hw):
        return None
    return segmentation_box(segmentation)


def _add_box(entry: dict, image: CocoImage, extent: XYXY) -> None:
    """Append a checked box, clipped to its image."""
    (height, width), (x1, y1, x2, y2) = image.hw, extent
    x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, width), min(y2, height)
    image.boxes.append((entry["category_id"], x1, y1, x2 - x1, y2 - y1, bool(entry.get("iscrowd", 0))))


def _unread(entry: dict, image: CocoImage, categories: dict[int, str], line: str) -> UnreadObject:
    """What is known of an annotation with a fault."""
    category, crowd, extent = entry.get("category_id"), entry.get("iscrowd", 0), _extent(entry, image)
    known = _is_id(category) and category in categories
    sure = known and crowd in (0, 1) and extent is not None and extent[2] > extent[0] and extent[3] > extent[1]
    return UnreadObject(category if known else None, extent, crowd == 1, sure, line)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class CategoryMap:
    """category id -> class index of the task, or -1 for ignore; absent where no class wants it. known: (K,) bool."""

    target: dict[int, int]
    known: np.ndarray


def map_categories(spec: CocoBoxes, names: dict[int, str], task: str, classes: Sequence[str]) -> CategoryMap:
    """Match a file's categories with a task's classes by name. Raises UserError for names that neither side has."""
    where = f"source '{spec.name}' of task '{task}'"
    for category, target in spec.categories.items():
        if category not in names.values():
            raise UserError(f"{where}: categories['{category}']: {spec.annotations} has no such category"
                            f"{did_you_mean(category, names.values())}")
        if target != IGNORE_CATEGORY and target not in classes:
            raise UserError(f"{where}: categories['{category}']='{target}' is not a class of the task{did_you_mean(target, classes)}")
    index = {name: k for k, name in enumerate(classes)} | {IGNORE_CATEGORY: -1}
    wanted = {number: spec.categories.get(name, name) for number, name in names.items()}
    target = {number: index[name] for number, name in wanted.items() if name in index}
    known = np.zeros(len(classes), dtype=bool)
    for name in spec.labels or ():
        if name not in classes:
            raise UserError(f"{where}: labels: '{name}' is not a class of the task{did_you_mean(name, classes)}")
        known[index[name]] = True
    if spec.labels is None:
        known[[k for k in target.values() if k >= 0]] = True
    if not known.any():
        raise UserError(f"{where}: no category of {spec.annotations} maps to a class ({', '.join(classes)}); "
                        f"its categories: {listed(names.values()) or 'none'}; set categories={{...}}")
    return CategoryMap(target, known)


def image_boxes(image: CocoImage, mapping: CategoryMap) -> Boxes:
    """One image's boxes of a task, xyxy in original pixels. An "ignore" category makes a region for each class."""
    xyxy, labels, ignore = [], [], []
    for category, x, y, w, h, crowd in image.boxes:
        if category not in mapping.target:
            continue
        target = mapping.target[category]
        for label in ([target] if target >= 0 else range(len(mapping.known))):
            xyxy.append((x, y, x + w, y + h))
            labels.append(label)
            ignore.append(crowd or target < 0)
    known = mapping.known.copy() if image.unknown else mapping.known
    known[[mapping.target[category] for category in image.unknown if mapping.target.get(category, -1) >= 0]] = False
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(ignore, bool), known)


def read_coco_boxes(spec: CocoBoxes, task: str, classes: Sequence[str]) -> tuple[dict[str, tuple[tuple[int, int], Boxes]], list[Fault]]:
    """{file relative to the images folder: ((height, width), boxes)} of a task, and the file's faults."""
    coco = load_coco(expand_path(spec.annotations))
    mapping = map_categories(spec, coco.categories, task, classes)
    return {image.file: (image.hw, image_boxes(image, mapping)) for image in coco.images.values()}, list(coco.faults)
