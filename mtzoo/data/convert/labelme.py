"""LabelMe: a JSON for each image with shapes of free names, as the annotation tool writes them.

What becomes of shapes is told in `shapes`. Flags that are set are classes of the whole image.
"""

import base64
import binascii
import math
import os
import posixpath
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.layout import ALL, existing, inside, member, points, read_labels
from mtzoo.data.convert.records import Entry, Format, LabelledImage, SourceSet, published
from mtzoo.data.convert.shapes import (
    Shape,
    ellipse,
    mask_shape,
    painted_names,
    shapes_image,
    shapes_vocabulary,
)
from mtzoo.data.images import decode_mask, upright_hw
from mtzoo.data.names import name_problem
from mtzoo.errors import UserError

LAYOUT = "*.json of LabelMe, in subfolders too (train/ and val/ are the splits), with the images they name"
KINDS = {"circle": "polygon", "oriented_rectangle": "rectangle"}
"""Their shape_type -> our kind of shape, where the two differ."""


def open_labelme(src: Path) -> SourceSet:
    """Raises UserError if there is no JSON."""
    paths = sorted(src.rglob("*.json"))
    named = {shape for path in paths for shape in _named(path)}
    names = painted_names(named)
    splits: dict[str, list[Entry]] = {}
    for path in paths:
        top = path.relative_to(src).parts[0]
        split = top if top in ("train", "val") else ALL
        splits.setdefault(split, []).append(Entry(path, partial(_read, src, path, src if split == ALL else src / top, names)))
    if not splits:
        raise UserError(f"{src}: no JSON in it; --data must contain {LAYOUT}")
    if ALL in splits and len(splits) > 1:
        splits = {ALL: [entry for entries in splits.values() for entry in entries]}
    return SourceSet(splits, shapes_vocabulary(named))


def _named(path: Path) -> set[tuple[str, str]]:
    """(kind, label) of a file's shapes; none of a file that cannot be read, which is told with its image."""
    try:
        shapes = member(read_labels(path), "shapes", list, str(path))
        return {(_kind(shape), member(shape, "label", str, str(path))) for shape in shapes}
    except UserError:
        return set()


def _kind(shape: Any) -> str:
    """A mask without its pixels is the box that its points are."""
    kind = str(shape.get("shape_type") or "polygon") if isinstance(shape, dict) else ""
    return "rectangle" if kind == "mask" and not shape.get("mask") else KINDS.get(kind, kind)


def _read(src: Path, path: Path, base: Path, names: tuple[str, ...]) -> LabelledImage:
    content = read_labels(path)
    named = member(content, "imagePath", str, str(path))
    image = _image_of(src, path, named)
    hw = upright_hw(image)
    told = content.get("imageHeight"), content.get("imageWidth")
    if None not in told and told != hw:
        raise UserError(f"{path}: imageHeight, imageWidth are {told[0]}, {told[1]}, the image is {hw[0]} x {hw[1]}; fix one of them")
    name = image.relative_to(base if image.is_relative_to(base) else src).as_posix()
    shapes = [_shape(shape, f"{path}: shapes[{row}]") for row, shape in enumerate(member(content, "shapes", list, str(path)))]
    found = shapes_image(image, name, shapes, names, None, str(path))
    flags = member({"flags": content.get("flags") or {}}, "flags", dict, str(path))
    add_tags(found, [flag for flag, is_set in flags.items() if is_set is True], str(path))
    return found


def _shape(shape: Any, where: str) -> Shape:
    label, kind, corners = member(shape, "label", str, where), _kind(shape), points(shape.get("points"), where)
    if shape.get("shape_type") == "circle" and len(corners) > 1:  # its centre, and a point of its rim
        radius = math.dist(*corners[:2])
        return Shape(label, kind, ellipse(corners[0], (radius, radius)), where)
    if kind == "mask" and corners:
        return mask_shape(label, _pixels(shape["mask"], where), corners[0], where)
    return Shape(label, kind, corners, where)


def _pixels(text: Any, where: str) -> np.ndarray:
    """(H, W) bool of the PNG in a mask."""
    try:
        return decode_mask(base64.b64decode(text, validate=True), Path(f"{where}: mask")) > 0
    except (TypeError, binascii.Error):
        raise UserError(f"{where}: 'mask' is {text!r:.40}; expected a PNG in base64") from None


def _image_of(src: Path, path: Path, named: str) -> Path:
    """The image of a JSON file. "../images/a.jpg" is common, and fine as long as it stays in --data, also with Windows' backslashes;
    an image that lay elsewhere when it was labelled may lie beside the JSON now."""
    named = named.replace("\\", "/")
    relative = posixpath.normpath(posixpath.join(path.parent.relative_to(src).as_posix(), named))
    beside = path.with_name(posixpath.basename(named) or "-")
    if (name_problem(relative) or not os.path.isfile(src / relative)) and not name_problem(beside.name) and os.path.isfile(beside):
        return beside
    return existing(inside(src, relative, str(path)), str(path))


FORMAT = Format("labelme", "LabelMe", LAYOUT, published(open_labelme))
