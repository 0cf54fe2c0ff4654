"""LabelMe: a JSON for each image with shapes of free names, as the annotation tool writes them.

Rectangles, circles and polygons are boxed. Polygons called like a surface of seg_default paint a seg mask, where everything
else stays unlabelled; lines called like a lane class paint a lane mask. Flags that are set are classes of the whole image.
"""

import math
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.convert.classes import MASK_CLASSES, PAINT, plain_name
from mtzoo.data.convert.drawing import bounding_box, draw_polygon, draw_polyline, lane_width
from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.layout import ALL, existing, inside, member, points, read_labels
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, Vocabulary, published
from mtzoo.data.convert.surfaces import SEG, THINGS, is_boxed, surface
from mtzoo.data.images import upright_hw
from mtzoo.data.names import name_problem
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

LAYOUT = "*.json of LabelMe, in subfolders too (train/ and val/ are the splits), with the images they name"
LANES = MASK_CLASSES["lane"]
LANE_NAMES = {**{name: name for name in LANES[1:]}, "lane": PAINT, "lane line": PAINT}
AREA_SHAPES, LINE_SHAPES = ("polygon", "rectangle", "circle", "mask"), ("linestrip", "line")  # a mask is boxed by its points
MASK_CLASSES_OF_SHAPES = {"seg": {name: name for name in SEG}, "lane": {name: name for name in LANES}}
Points = list[tuple[float, float]]


def open_labelme(src: Path) -> SourceSet:
    """Raises UserError if there is no JSON."""
    splits: dict[str, list[Entry]] = {}
    for path in sorted(src.rglob("*.json")):
        top = path.relative_to(src).parts[0]
        split = top if top in ("train", "val") else ALL
        splits.setdefault(split, []).append(Entry(path, partial(_read, src, path, src if split == ALL else src / top)))
    if not splits:
        raise UserError(f"{src}: no JSON in it; --data must contain {LAYOUT}")
    if ALL in splits and len(splits) > 1:
        splits = {ALL: [entry for entries in splits.values() for entry in entries]}
    return SourceSet(splits, Vocabulary(labelled=None, masks=MASK_CLASSES_OF_SHAPES))


def _read(src: Path, path: Path, base: Path) -> LabelledImage:
    content = read_labels(path)
    named = member(content, "imagePath", str, str(path))
    image = _image_of(src, path, named)
    hw = upright_hw(image)
    told = content.get("imageHeight"), content.get("imageWidth")
    if None not in told and told != hw:
        raise UserError(f"{path}: imageHeight, imageWidth are {told[0]}, {told[1]}, the image is {hw[0]} x {hw[1]}; fix one of them")
    name = image.relative_to(base if image.is_relative_to(base) else src).as_posix()
    shapes = [_shape(shape, f"{path}: shapes[{row}]") for row, shape in enumerate(member(content, "shapes", list, str(path)))]
    found = shapes_image(image, name, shapes, None, str(path))
    flags = member({"flags": content.get("flags") or {}}, "flags", dict, str(path))
    add_tags(found, [flag for flag, is_set in flags.items() if is_set is True], str(path))
    return found


@dataclass(frozen=True)
class Shape:
    """kind: one of LabelMe's shape_type; corners: in pixels; where: its place, for messages."""

    label: str
    kind: str
    corners: Points
    where: str


def _shape(shape: Any, where: str) -> Shape:
    label, kind = member(shape, "label", str, where), str(shape.get("shape_type") or "polygon")
    return Shape(label, kind, points(shape.get("points"), where), where)


def shapes_image(image: Path, name: str, shapes: Sequence[Shape], told: tuple[int, int] | None, where: str) -> LabelledImage:
    """Boxes and masks of an image's shapes. told: the size that the labels were made for, if they say so.

    Raises UserError if the image has another size.
    """
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    if told is not None and told != found.hw:
        raise UserError(f"{where}: made for an image of {told[1]}x{told[0]}, but it is {found.hw[1]}x{found.hw[0]}; fix one of them")
    areas: list[tuple[Points, str]] = []
    odd_lines: list[Points] = []
    for shape in shapes:
        _add_shape(found, shape, areas, odd_lines)
    for line in odd_lines if "lane" in found.masks else ():
        draw_polyline(found.masks["lane"], line, IGNORE, lane_width(found.hw[0]))
    if any(name not in THINGS for _, name in areas):
        found.masks["seg"] = np.full(found.hw, IGNORE, np.uint8)
        for corners, name in areas:
            draw_polygon(found.masks["seg"], corners, SEG.index(name))
    return found


def _image_of(src: Path, path: Path, named: str) -> Path:
    """The image of a JSON file. "../images/a.jpg" is common, and fine as long as it stays in --data, also with Windows' backslashes;
    an image that lay elsewhere when it was labelled may lie beside the JSON now."""
    named = named.replace("\\", "/")
    relative = posixpath.normpath(posixpath.join(path.parent.relative_to(src).as_posix(), named))
    beside = path.with_name(posixpath.basename(named) or "-")
    if (name_problem(relative) or not os.path.isfile(src / relative)) and not name_problem(beside.name) and os.path.isfile(beside):
        return beside
    return existing(inside(src, relative, str(path)), str(path))


def _add_shape(found: LabelledImage, shape: Shape, areas: list[tuple[Points, str]], odd_lines: list[Points]) -> None:
    label, kind, corners, where = shape.label, shape.kind, shape.corners, shape.where
    area = surface(label)
    if kind in LINE_SHAPES:
        lane = LANE_NAMES.get(plain_name(label))
        if lane is None:
            found.lose(label, "line that is not a lane class", f"{where}: line '{label}' is not a lane class ({', '.join(LANE_NAMES)})")
            odd_lines.append(corners)
            return
        mask = found.masks.setdefault("lane", np.zeros(found.hw, np.uint8))
        draw_polyline(mask, corners, LANES.index(lane), lane_width(found.hw[0]))
    elif kind not in AREA_SHAPES or not corners:
        found.lose(label, f"shape_type {kind:.40} has no area", f"{where}: shape_type '{kind}' of '{label}' has no area")
    else:
        if is_boxed(label):
            found.add_box(label, bounding_box(_outline(corners, kind)), where)
        if area is not None and kind == "polygon":
            areas.append((corners, area))


def _outline(corners: Points, kind: str) -> Points:
    """Points that span the shape: a circle is its centre and a point of its rim."""
    if kind != "circle" or len(corners) < 2:
        return corners
    (x, y), rim = corners[0], corners[1]
    radius = math.dist((x, y), rim)
    return [(x - radius, y - radius), (x + radius, y + radius)]


FORMAT = Format("labelme", "LabelMe", LAYOUT, published(open_labelme))
