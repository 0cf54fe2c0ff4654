"""BDD100K: Scalabel JSON in its three published forms, and the semantic masks of the 10k set.

Lists of frames for a split (2020: det_20, lane/polygons, drivable/polygons; 2018: bdd100k_labels_images_*), or one JSON for
each image (labels/100k). Lanes are polylines, some with Bezier curves; they are drawn into masks whose classes join the
lane's style and type. doc.bdd100k.com describes the fields.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.convert.classes import TRAIN_CLASSES, common_class
from mtzoo.data.convert.drawing import Points, bounding_box, draw_polygon, draw_polyline, flatten_curves, lane_width
from mtzoo.data.convert.layout import existing, find_folder, image_stems, inside, member, points, read_ids, read_labels
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Remark, SourceSet, Vocabulary, published
from mtzoo.data.images import upright_hw
from mtzoo.data.masks import no_image
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError, did_you_mean, shown
from mtzoo.structures import IGNORE

LAYOUT = "images/100k/{train,val} with labels/det_20, labels/lane, labels/drivable, labels/100k or labels/bdd100k_labels_images_*.json"
OBJECTS = ("pedestrian", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle", "traffic light", "traffic sign",
           "other vehicle", "other person", "trailer")
OLD_NAMES = {"person": "pedestrian", "motor": "motorcycle", "bike": "bicycle"}  # of 2018
LANE_TYPES = ("crosswalk", "double other", "double white", "double yellow", "road curb", "single other", "single white",
              "single yellow")
STYLES = ("solid", "dashed")
LANES = ("background", *(f"{style} {kind}" for kind in LANE_TYPES for style in STYLES))
AREAS = ("direct", "alternative", "background")
LISTS = {  # file, {split} to be filled in -> kinds of label it holds
    "labels/bdd100k_labels_images_{}.json": ("boxes", "lane", "drivable"),
    "labels/det_20/det_{}.json": ("boxes",),
    "labels/lane/polygons/lane_{}.json": ("lane",),
    "labels/drivable/polygons/drivable_{}.json": ("drivable",),
}


def open_bdd100k(src: Path) -> SourceSet:
    """Every published label file that is there. Raises UserError if there is none."""
    root = find_folder(src, ("bdd100k", "."), LAYOUT)
    splits = {split: [*_frames(root, split), *_semantic(root, split)] for split in ("train", "val")}
    if not any(splits.values()):
        raise UserError(f"{root}: no label file of BDD100K; --data must contain {LAYOUT}")
    lanes = {"background": "background", **{lane: _lane_class(lane) for lane in LANES[1:]}}
    boxes = {name: common_class(name) or name for name in OBJECTS}
    return SourceSet(splits, Vocabulary(boxes, OBJECTS, {"seg": TRAIN_CLASSES, "lane": lanes, "drivable": {a: a for a in AREAS}}))


def _lane_class(lane: str) -> str:
    style, _, kind = lane.partition(" ")
    return {"road curb": "curb", "crosswalk": IGNORE_CATEGORY}.get(kind, style)


def _frames(root: Path, split: str) -> Iterator[Entry]:
    """Entries of images/100k: each image once, with what all files say of it."""
    images = root / "images" / "100k" / split
    known: dict[str, list[tuple[str, tuple[str, ...], Any]]] = {}
    for pattern, kinds in LISTS.items():
        path = root / pattern.format(split)
        if path.is_file():
            for row, frame in enumerate(_frame_list(path)):
                where = f"{path}: frame {row}"
                known.setdefault(member(frame, "name", str, where), []).append((where, kinds, frame))
    single = root / "labels" / "100k" / split
    if not known and single.is_dir():
        for path in sorted(single.glob("*.json")):
            yield Entry(path, partial(_read_single, images, path))
    for name, frames in sorted(known.items()):
        yield Entry.of(_read_frames, inside(images, name, frames[0][0]), frames)


def _frame_list(path: Path) -> list[Any]:
    content = read_labels(path)
    if isinstance(content, Mapping):  # newer Scalabel files carry a head
        return member(content, "frames", list, str(path))
    if not isinstance(content, list):
        raise UserError(f"{path}: JSON, but no list of frames; restore the file")
    return content


def _read_single(images: Path, path: Path) -> LabelledImage:
    """A JSON of labels/100k: {"name": stem, "frames": [{"objects": [...]}]}."""
    content = read_labels(path)
    image = inside(images, f"{member(content, 'name', str, str(path))}.jpg", str(path))
    frames = [{"labels": member(frame, "objects", list, str(path))} for frame in member(content, "frames", list, str(path))[:1]]
    return _read_frames(image, [(str(path), ("boxes", "lane", "drivable"), frame) for frame in frames])


def _read_frames(image: Path, frames: list[tuple[str, tuple[str, ...], Any]]) -> LabelledImage:
    hw = upright_hw(existing(image, frames[0][0] if frames else str(image)))
    found = LabelledImage(image, image.name, hw)
    for where, kinds, frame in frames:
        if "boxes" in kinds:
            found.boxes = found.boxes or []
        for kind in ("lane", "drivable"):
            if kind in kinds:
                background = LANES.index("background") if kind == "lane" else AREAS.index("background")
                found.masks.setdefault(kind, np.full(hw, background, np.uint8))
        labels = [] if frame.get("labels") is None else member(frame, "labels", list, where)
        for row, label in enumerate(labels):
            _add_label(found, label, kinds, f"{where} labels[{row}]")
    return found


def _add_label(found: LabelledImage, label: Any, kinds: tuple[str, ...], where: str) -> None:
    category = member(label, "category", str, where)
    attributes = {} if label.get("attributes") is None else member(label, "attributes", dict, where)
    parts = list(_polylines(label["poly2d"], where)) if label.get("poly2d") is not None else []
    if "boxes" in kinds and (label.get("box2d") is not None or OLD_NAMES.get(category, category) in OBJECTS):
        _add_object(found, label, parts, where)
    elif "lane" in kinds and _is_lane(category, kinds):
        value = _value_of(found, category, _lane_of(category, attributes), LANES, where)
        for vertices, types in parts:
            draw_polyline(found.masks["lane"], flatten_curves(vertices, types), value, lane_width(found.hw[0]))
    elif "drivable" in kinds and _is_area(category, kinds):
        value = _value_of(found, category, _area_of(category, attributes), AREAS, where)
        for vertices, types in parts:
            draw_polygon(found.masks["drivable"], flatten_curves(vertices, types), value)


def _add_object(found: LabelledImage, label: Any, parts: list[tuple[Points, str]], where: str) -> None:
    """The object's box, or the one around its polygons."""
    category = label["category"]
    name = OLD_NAMES.get(category, category)
    if name not in OBJECTS:
        raise UserError(f"{where}: category {shown(category)} is not one of BDD100K's{did_you_mean(category, OBJECTS)}; fix the label")
    crowd = bool((label.get("attributes") or {}).get("crowd"))
    vertices = [vertex for part, _ in parts for vertex in part]
    if label.get("box2d") is not None:
        corners = [member(label["box2d"], key, (int, float), where) for key in ("x1", "y1", "x2", "y2")]
        found.add_box(name, tuple(map(float, corners)), where, crowd)
    elif vertices:
        found.add_box(name, bounding_box(vertices), where, crowd)
    else:
        found.lose(name, "neither box2d nor poly2d", f"{where}: '{name}' has neither box2d nor poly2d")


def _value_of(found: LabelledImage, category: str, name: str | None, known: tuple[str, ...], where: str) -> int:
    """The mask's value of a lane or area; one of an unknown kind is ignored where it lies."""
    if name in known:
        return known.index(name)
    line = f"{where}: {shown(category)} of a kind that BDD100K does not have"
    found.remarks.append(Remark("", "lane or area of unknown kind", line, "ignored"))
    return IGNORE


def _is_lane(category: str, kinds: tuple[str, ...]) -> bool:
    """A file of nothing but lanes has nothing else."""
    return kinds == ("lane",) or category == "lane" or category.removeprefix("lane/") in LANE_TYPES


def _is_area(category: str, kinds: tuple[str, ...]) -> bool:
    return kinds == ("drivable",) or category in ("drivable area", *AREAS) or category.startswith("area/")


def _lane_of(category: str, attributes: Mapping[str, Any]) -> str:
    """ "solid single white" of a lane, whichever of the three forms tells it."""
    kind = attributes.get("laneTypes") or attributes.get("laneType") if category == "lane" else category.removeprefix("lane/")
    style = attributes.get("laneStyle") or attributes.get("style") or STYLES[0]
    return f"{style} {kind}"


def _area_of(category: str, attributes: Mapping[str, Any]) -> str | None:
    """ "direct" or "alternative" of a drivable area."""
    if category == "drivable area":
        return attributes.get("areaType")
    return {"area/drivable": "direct", "area/alternative": "alternative"}.get(category, category)


def _polylines(poly2d: Any, where: str) -> Iterator[tuple[list[tuple[float, float]], str]]:
    """(vertices, type letters) of each part: [{"vertices", "types"}], or one part as [[x, y, "L"], ...]."""
    if not isinstance(poly2d, list):
        raise UserError(f"{where}: 'poly2d' is {poly2d!r:.80}; expected a list")
    if poly2d and isinstance(poly2d[0], list):
        yield points(poly2d, where), "".join(str(v[2]) if len(v) > 2 else "L" for v in poly2d)
        return
    for part in poly2d:
        vertices = points(member(part, "vertices", list, where), where)
        yield vertices, str(part.get("types") or "L" * len(vertices))


def _semantic(root: Path, split: str) -> Iterator[Entry]:
    """Entries of images/10k, whose masks hold train ids."""
    images, masks = root / "images" / "10k" / split, root / "labels" / "sem_seg" / "masks" / split
    if images.is_dir() and masks.is_dir():
        found = image_stems(images)
        for stem, mask in image_stems(masks, (".png",)).items():
            if stem not in found:
                raise UserError(f"{mask}: {no_image(images, stem, 'mask')}")
            yield Entry.of(_read_semantic, found[stem], mask)


def _read_semantic(image: Path, mask: Path) -> LabelledImage:
    return LabelledImage(image, f"10k/{image.name}", upright_hw(image), masks={"seg": read_ids(mask, len(TRAIN_CLASSES))})


FORMAT = Format("bdd100k", "BDD100K", LAYOUT, published(open_bdd100k))
