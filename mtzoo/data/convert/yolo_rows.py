"""Rows of YOLO label files: boxes, polygons, poses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.data.convert.drawing import Points, bounding_box, draw_polygon
from mtzoo.data.convert.layout import numbers, read_lines
from mtzoo.data.convert.records import LabelledImage, Remark
from mtzoo.data.convert.surfaces import is_boxed
from mtzoo.data.convert.yolo_labels import BOX_COLUMNS
from mtzoo.data.images import upright_hw
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

ID_DIGITS = 9  # of a class; Python refuses to read thousands of them


def read_yolo(image: Path, name: str, labels: Path | None, names: tuple[str, ...], keypoints: int,
              painted: tuple[str, ...]) -> LabelledImage:
    """keypoints: numbers after the box in each longer row, 0: those are polygons; painted: the classes, by id, of
    the seg mask that polygons make, too; none: they make boxes alone.

    Raises UserError for a row of another length, another class, or of pixels.
    """
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    rows = [_row(line.split(), names, keypoints, where) for where, line in (read_lines(labels) if labels else ())]
    for row in rows:
        _add_box(found, row, bool(painted))
    if painted:
        if all(not is_boxed(own) for own in names):
            found.boxes = None
        _paint(found, rows, painted)
    return found


@dataclass(frozen=True)
class _Row:
    """A line of a label file. corners: two of a box, all of a polygon, in shares of the image's size."""

    name: str
    corners: list[tuple[float, float]]
    is_polygon: bool
    is_pose: bool
    where: str


def _row(row: list[str], names: tuple[str, ...], keypoints: int, where: str) -> _Row:
    if not row[0].isdecimal() or len(row[0]) > ID_DIGITS or not names[int(row[0]):int(row[0]) + 1] \
            or not names[int(row[0])]:
        raise UserError(f"{where}: class '{row[0]:.80}'; the set has classes 0..{len(names) - 1}, fix the row, or name the "
                        "YAML with its classes: --annotations FILE")
    is_pose = keypoints > 0 and len(row) == BOX_COLUMNS + keypoints
    if len(row) != BOX_COLUMNS and not is_pose and (keypoints or len(row) < 7 or len(row) % 2 == 0):
        poses = "a pose what kpt_shape in data.yaml says"
        wanted = f"a pose {BOX_COLUMNS + keypoints}" if keypoints else f"a polygon 7, 9, 11, ..., {poses}"
        raise UserError(f"{where}: {len(row)} columns; a box has {BOX_COLUMNS} (class cx cy w h), {wanted}")
    values = numbers(row[1:BOX_COLUMNS] if is_pose else row[1:], where)
    if max(map(abs, values)) > 2:
        raise UserError(f"{where}: value {max(values, key=abs):g}; coordinates are shares of the image's size, 0..1")
    return _Row(names[int(row[0])], _corners(values), len(values) > BOX_COLUMNS - 1, is_pose, where)


def _add_box(found: LabelledImage, row: _Row, painted: bool) -> None:
    """painted: polygons of surfaces, a road say, are areas and no objects."""
    if row.is_pose:
        line = f"{row.where}: keypoints of '{row.name}' dropped"
        found.remarks.append(Remark(row.name, "keypoints dropped, box kept", line, "mended"))
    if not painted or is_boxed(row.name):
        found.add_box(row.name, bounding_box(_scaled(row.corners, found.hw)), row.where)


def _paint(found: LabelledImage, rows: list[_Row], classes: tuple[str, ...]) -> None:
    """The seg mask of an image that has polygons: small ones over large ones, and where a box says no outline, ignore. An image without
    a polygon is not labelled."""
    polygons = [(_scaled(row.corners, found.hw), classes.index(row.name)) for row in rows if row.is_polygon]
    if not polygons:
        return
    mask = np.zeros(found.hw, np.uint8)
    for row in rows:
        if not row.is_polygon:
            (x1, y1), (x2, y2) = _scaled(row.corners, found.hw)
            draw_polygon(mask, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)], IGNORE)
    for corners, value in sorted(polygons, key=lambda polygon: -_extent(polygon[0])):
        draw_polygon(mask, corners, value)
    found.masks["seg"] = mask


def _extent(corners: Points) -> float:
    x1, y1, x2, y2 = bounding_box(corners)
    return (x2 - x1) * (y2 - y1)


def _scaled(corners: Points, hw: tuple[int, int]) -> list[tuple[float, float]]:
    """Shares of the image's size -> pixels."""
    return [(x * hw[1], y * hw[0]) for x, y in corners]


def _corners(values: list[float]) -> list[tuple[float, float]]:
    """Two corners of a box "cx cy w h", or those of a polygon "x y x y x y ..."."""
    if len(values) > BOX_COLUMNS - 1:
        return list(zip(values[::2], values[1::2]))
    cx, cy, w, h = values
    return [(cx - w / 2, cy - h / 2), (cx + w / 2, cy + h / 2)]


