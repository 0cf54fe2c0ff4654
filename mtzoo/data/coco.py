"""COCO JSON -> boxes per image of one detection task, and every fault of the file in one pass."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np

from mtzoo.data.sources import IGNORE_CATEGORY, CocoBoxes, Fault, expand_path
from mtzoo.errors import UserError, did_you_mean
from mtzoo.files import safe_relative
from mtzoo.structures import Boxes

OUTSIDE_TOLERANCE = 1.0
"""Pixels a box may reach over the image's edge: rounding of other tools. It is clipped."""


@dataclass(frozen=True)
class CocoImage:
    """One entry of `images`. boxes: (category id, x, y, w, h, is crowd), checked and clipped to the image."""

    file: str
    hw: tuple[int, int]
    boxes: list[tuple[int, float, float, float, float, bool]]


@dataclass(frozen=True)
class CocoFile:
    """A parsed file: images by id, category names by id, and what was wrong."""

    images: dict[int, CocoImage]
    categories: dict[int, str]
    faults: list[Fault]


def load_coco(path: Path) -> CocoFile:
    """Parse once per content: several tasks read the same file. Raises UserError if it is no COCO JSON at all."""
    try:
        stat = path.stat()
    except OSError:
        raise UserError(f"{path}: no such annotation file; check the source's `annotations`") from None
    return _load_coco(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _load_coco(path: Path, mtime_ns: int, size: int) -> CocoFile:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); give a COCO annotation file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the source's `annotations`") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: JSON, but not COCO: the top level is no object; give a COCO annotation file")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            raise UserError(f"{path}: JSON, but not COCO: no list '{key}'; give a COCO annotation file")
    faults: list[Fault] = []
    categories = _categories(content["categories"], path, faults)
    images = _images(content["images"], path, faults)
    for row, entry in enumerate(content["annotations"]):
        problem = _add_annotation(entry, images, categories)
        if problem:
            number = entry.get("id") if isinstance(entry, dict) else None
            faults.append(Fault(str(path), f"annotations[{row}] id={number}", problem))
    return CocoFile(images, categories, faults)


def _categories(entries: list, path: Path, faults: list[Fault]) -> dict[int, str]:
    categories: dict[int, str] = {}
    for row, entry in enumerate(entries):
        where = f"categories[{row}]"
        if not isinstance(entry, dict) or not _is_id(entry.get("id")) or not isinstance(entry.get("name"), str):
            faults.append(Fault(str(path), where, "needs an integer 'id' and a 'name'; mend the entry"))
        elif entry["id"] in categories:
            faults.append(Fault(str(path), where, f"category id {entry['id']} is there twice; give each its own"))
        else:
            categories[entry["id"]] = entry["name"]
    return categories


def _images(entries: list, path: Path, faults: list[Fault]) -> dict[int, CocoImage]:
    images: dict[int, CocoImage] = {}
    files: set[str] = set()
    for row, entry in enumerate(entries):
        problem = _image_problem(entry, images, files)
        if problem:
            faults.append(Fault(str(path), f"images[{row}]", problem))
            continue
        file = str(PurePosixPath(entry["file_name"]))
        files.add(file)
        images[entry["id"]] = CocoImage(file, (entry["height"], entry["width"]), [])
    return images


def _image_problem(entry: object, images: dict[int, CocoImage], files: set[str]) -> str | None:
    if not isinstance(entry, dict) or not _is_id(entry.get("id")) or not isinstance(entry.get("file_name"), str):
        return "needs an integer 'id' and a 'file_name'; mend the entry"
    if not PurePosixPath(entry["file_name"]).parts:
        return "file_name is empty; name the image file"
    if safe_relative(entry["file_name"]) is None:
        return f"file_name '{entry['file_name']}' leaves the images folder; write it relative to the folder, without '..'"
    if not all(_is_id(entry.get(key)) and entry[key] > 0 for key in ("width", "height")):
        return f"'{entry['file_name']}' needs 'width' and 'height' in pixels; add them"
    if entry["id"] in images:
        return f"image id {entry['id']} is there twice; give each image its own"
    if str(PurePosixPath(entry["file_name"])) in files:
        return f"file_name '{entry['file_name']}' is there twice; merge its entries"
    return None


def _add_annotation(entry: object, images: dict[int, CocoImage], categories: dict[int, str]) -> str | None:
    """Append a checked box to its image, or say what is wrong with it."""
    if not isinstance(entry, dict):
        return "is no object; mend the entry"
    image_id, category_id = entry.get("image_id"), entry.get("category_id")
    if not _is_id(image_id) or image_id not in images:
        return f"image_id {image_id!r} is not in 'images'; add the image or drop the annotation"
    if not _is_id(category_id) or category_id not in categories:
        return f"category_id {category_id!r} is not in 'categories'; add the category or drop the annotation"
    bbox = entry.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(v, (int, float)) for v in bbox):
        return f"bbox {bbox!r} is not [x, y, width, height]; mend the entry"
    x, y, w, h = (float(v) for v in bbox)
    if not all(map(math.isfinite, (x, y, w, h))):
        return f"bbox {bbox} is not finite; mend or drop the annotation"
    if w <= 0 or h <= 0:
        return f"bbox {bbox} has no area; mend or drop the annotation"
    image = images[image_id]
    height, width = image.hw
    overhang = max(-x, -y, x + w - width, y + h - height)
    if overhang > OUTSIDE_TOLERANCE:
        return f"bbox {bbox} reaches {overhang:g} px outside '{image.file}' ({width}x{height}); clip or drop it"
    x2, y2 = min(x + w, width), min(y + h, height)
    x, y = max(x, 0.0), max(y, 0.0)
    if x2 <= x or y2 <= y:
        return f"bbox {bbox} lies outside '{image.file}' ({width}x{height}); drop the annotation"
    image.boxes.append((category_id, x, y, x2 - x, y2 - y, bool(entry.get("iscrowd", 0))))
    return None


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
            raise UserError(f"{where}: categories['{category}']='{target}' is no class of the task{did_you_mean(target, classes)}")
    index = {name: k for k, name in enumerate(classes)} | {IGNORE_CATEGORY: -1}
    wanted = {number: spec.categories.get(name, name) for number, name in names.items()}
    target = {number: index[name] for number, name in wanted.items() if name in index}
    known = np.zeros(len(classes), dtype=bool)
    for name in spec.labels or ():
        if name not in classes:
            raise UserError(f"{where}: labels: '{name}' is no class of the task{did_you_mean(name, classes)}")
        known[index[name]] = True
    if spec.labels is None:
        known[[k for k in target.values() if k >= 0]] = True
    if not known.any():
        raise UserError(f"{where}: no category of {spec.annotations} maps to a class ({', '.join(classes)}); "
                        f"its categories: {', '.join(sorted(names.values())) or 'none'}; set categories={{...}}")
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
    return Boxes(np.array(xyxy, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(ignore, bool), mapping.known)


def read_coco_boxes(spec: CocoBoxes, task: str, classes: Sequence[str]) -> tuple[dict[str, tuple[tuple[int, int], Boxes]], list[Fault]]:
    """{file relative to the images folder: ((height, width), boxes)} of a task, and the file's faults."""
    coco = load_coco(expand_path(spec.annotations))
    mapping = map_categories(spec, coco.categories, task, classes)
    return {image.file: (image.hw, image_boxes(image, mapping)) for image in coco.images.values()}, list(coco.faults)
