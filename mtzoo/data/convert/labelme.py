"""LabelMe: a JSON for each image with shapes of free names, as the annotation tool writes them.

What becomes of shapes is told in `shapes`. Flags that are set are classes of the whole image.
"""

import base64
import binascii
import math
import os
import posixpath
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mtzoo.data.convert.image_labels import add_tags
from mtzoo.data.convert.layout import existing, inside, member, points, read_labels
from mtzoo.data.convert.listing import Listing, base_of, by_split, unlabelled_remarks
from mtzoo.data.convert.records import Entry, Format, LabelledImage, Remark, SourceSet, published
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


@dataclass(frozen=True)
class _File:
    """path: of a JSON; image: the one that it names, None if it is not there: both below the set's folder; named: (kind, label) of its
    shapes. Of a JSON that cannot be read nothing more is known: it is told with its image."""

    path: Path
    image: Path | None = None
    named: frozenset[tuple[str, str]] = frozenset()


def open_labelme(src: Path) -> SourceSet:
    """Raises UserError if there is no JSON of this format, and for two of one image."""
    listing = Listing(src)
    looked = {path: _look(src, path) for path in listing.of(".json")}
    files = {path: file for path, file in looked.items() if file is not None}
    if not files:
        raise UserError(f"{src}: no JSON of LabelMe in it; --data must contain {LAYOUT}")
    named = {shape for file in files.values() for shape in file.named}
    names = painted_names(named)
    splits, remarks = by_split(list(files))
    entries = {}
    for split, paths in splits.items():
        base = src / base_of([place for path in paths for place in (path, files[path].image) if place])
        entries[split] = [Entry(src / (files[path].image or path), partial(_read, src, src / path, base, names)) for path in paths]
    remarks += [Remark("", "JSON that is none of LabelMe's", f"{src / path}: neither 'shapes' nor 'imagePath' in it: not read")
                for path in looked if path not in files]
    remarks += unlabelled_remarks(listing.images, _by_image(src, files.values()), "image without a JSON")
    return SourceSet(entries, shapes_vocabulary(named), remarks)


def _look(src: Path, path: Path) -> _File | None:
    """None for a JSON of something else."""
    named: set[tuple[str, str]] = set()
    image = None
    try:
        content = read_labels(src / path)
    except UserError:
        return _File(path)
    if not isinstance(content, dict) or not {"shapes", "imagePath"} & set(content):
        return None
    with suppress(UserError):
        shapes = member(content, "shapes", list, str(path))
        named.update((_kind(shape), member(shape, "label", str, str(path))) for shape in shapes)
    with suppress(UserError):
        image = _image_of(src, src / path, member(content, "imagePath", str, str(path))).relative_to(src)
    return _File(path, image, frozenset(named))


def _by_image(src: Path, files: Iterable[_File]) -> dict[Path, Path]:
    """{image: its JSON}, of the images that are there."""
    found: dict[Path, Path] = {}
    for file in files:
        if file.image is not None and found.setdefault(file.image, file.path) != file.path:
            raise UserError(f"{src / file.path}: its image {file.image} is that of {src / found[file.image]}, too; keep one of them")
    return found


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
    name = image.relative_to(base).as_posix()
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
