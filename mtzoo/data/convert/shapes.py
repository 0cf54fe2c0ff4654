"""Shapes of labelling tools, under free names -> boxes and masks of an image.

Rectangles, polygons and masks of pixels are boxed. Polygons and masks of pixels paint a seg mask, too, and lines called like a lane
class a lane mask. A surface, such as a road, has no box.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.data.convert.classes import MASK_CLASSES, PAINT, plain_name
from mtzoo.data.convert.drawing import Points, bounding_box, draw_pixels, draw_polygon, draw_polyline, lane_width
from mtzoo.data.convert.records import LabelledImage, Remark, Vocabulary
from mtzoo.data.convert.surfaces import BACKGROUND, is_boxed, painted_classes
from mtzoo.data.images import upright_hw
from mtzoo.data.sources import IGNORE_CATEGORY
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE

LANES = MASK_CLASSES["lane"]
LANE_NAMES = {**{name: name for name in LANES[1:]}, "lane": PAINT, "lane line": PAINT}
LINES, PAINTED = ("linestrip", "line"), ("polygon", "mask")
ELLIPSE_CORNERS = 128
"""Of the polygon that an ellipse becomes: it lies within 0.03 % of the radius."""


@dataclass(frozen=True)
class Shape:
    """kind: "rectangle" (a box around any number of corners), "polygon", "mask", "linestrip", "line", or one that has no area; corners:
    (x, y) in pixels of the image; pixels: (H, W) bool of a mask, whose first is at corners[0]; where: its place, for messages."""

    label: str
    kind: str
    corners: Points
    where: str
    pixels: np.ndarray | None = None


def mask_shape(label: str, pixels: np.ndarray, corner: tuple[float, float], where: str) -> Shape:
    """Of pixels, cut to those that are true. pixels: (H, W) bool; corner: x, y of the first of them in the image."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not rows.size:
        return Shape(label, "mask without a pixel", [], where)
    y1, y2, x1, x2 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    corners = [(float(corner[0] + x), float(corner[1] + y)) for x, y in ((x1, y1), (x2, y2))]
    return Shape(label, "mask", corners, where, pixels[y1:y2, x1:x2])


def runs_to_pixels(runs: Sequence[int], hw: tuple[int, int], where: str) -> np.ndarray:
    """(H, W) bool of runs along the rows: of pixels outside, then inside, and so on. Raises UserError if they do not fill it."""
    if min(runs, default=0) < 0 or sum(runs) != hw[0] * hw[1]:
        raise UserError(f"{where}: runs of {sum(runs)} pixels; expected {hw[1]}x{hw[0]}; export it again")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(hw)


def ellipse(center: tuple[float, float], radii: tuple[float, float], degrees: float = 0) -> list[tuple[float, float]]:
    """The outline of an ellipse as a polygon. radii: along its own x and y axes; degrees: clockwise, as images are seen."""
    angles = np.arange(ELLIPSE_CORNERS) * 2 * math.pi / ELLIPSE_CORNERS
    rim = [(radii[0] * math.cos(angle), radii[1] * math.sin(angle)) for angle in angles]
    return [(center[0] + x, center[1] + y) for x, y in rotated(rim, (0, 0), degrees)]


def rotated(corners: Points, center: tuple[float, float], degrees: float) -> list[tuple[float, float]]:
    """The points turned around `center`, clockwise as images are seen."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    relative = [(x - center[0], y - center[1]) for x, y in corners]
    return [(center[0] + x * cos - y * sin, center[1] + x * sin + y * cos) for x, y in relative]


Named = Collection[tuple[str, str]]
"""(kind, label) of all shapes of a set."""


def painted_names(shapes: Named) -> tuple[str, ...]:
    """The classes of the seg masks in the order of their ids: the background first."""
    names = (BACKGROUND, *sorted({label for kind, label in shapes if kind in PAINTED} - {BACKGROUND}))
    if len(names) > IGNORE:
        raise UserError(f"{len(names) - 1} names of polygons and masks; a PNG mask holds at most {IGNORE - 1} and the background")
    return names


def shapes_vocabulary(shapes: Named) -> Vocabulary:
    """The set's objects, the classes of its seg masks, see `painted_names`, and of its lane masks, if there is a lane."""
    objects = {label for kind, label in shapes if kind in (*PAINTED, "rectangle") and is_boxed(label)} - {IGNORE_CATEGORY}
    masks = {"seg": painted_classes(painted_names(shapes))}
    if any(kind in LINES and plain_name(label) in LANE_NAMES for kind, label in shapes):
        masks["lane"] = {name: name for name in LANES}
    return Vocabulary(labelled=tuple(sorted(objects)), masks=masks, tagged=True)


def shapes_image(image: Path, name: str, shapes: Sequence[Shape], names: Sequence[str], told: tuple[int, int] | None,
                 where: str) -> LabelledImage:
    """Boxes and masks of an image's shapes. names: classes of the seg masks; told: (height, width) that the labels were made for, if
    they say so. Raises UserError if the image has another size."""
    found = LabelledImage(image, name, upright_hw(image), boxes=[])
    if told is not None and told != found.hw:
        raise UserError(f"{where}: made for an image of {told[1]}x{told[0]}, but it is {found.hw[1]}x{found.hw[0]}; fix one of them")
    _add_lines(found, [shape for shape in shapes if shape.kind in LINES])
    areas = []
    for shape in shapes:
        if shape.kind in (*PAINTED, "rectangle") and shape.corners:
            areas.append(shape)
            _add_area(found, shape)
        elif shape.kind not in LINES:
            found.lose(shape.label, f"shape_type {shape.kind:.40} has no area",
                       f"{shape.where}: shape_type '{shape.kind}' of '{shape.label}' has no area")
    _paint(found, areas, names)
    return found


def _add_lines(found: LabelledImage, lines: Sequence[Shape]) -> None:
    """The lane mask, if a line is a lane; other lines are ignored there."""
    kinds = [LANE_NAMES.get(plain_name(line.label)) for line in lines]
    for line, lane in zip(lines, kinds):
        if lane is None:
            found.lose(line.label, "line that is not a lane class",
                       f"{line.where}: line '{line.label}' is not a lane class ({', '.join(LANE_NAMES)})")
    if not any(kinds):
        return
    mask = found.masks["lane"] = np.zeros(found.hw, np.uint8)
    for line, lane in sorted(zip(lines, kinds), key=lambda pair: pair[1] is None):
        draw_polyline(mask, line.corners, IGNORE if lane is None else LANES.index(lane), lane_width(found.hw[0]))


def _add_area(found: LabelledImage, shape: Shape) -> None:
    """The box of a shape, if it may be an object."""
    if is_boxed(shape.label):
        found.add_box(shape.label, bounding_box(shape.corners), shape.where)
    elif shape.kind == "rectangle":
        found.remarks.append(Remark(shape.label, "box of a surface, which has no outline",
                                    f"{shape.where}: '{shape.label}' is a surface, and a box is not its outline; draw a polygon"))


def _paint(found: LabelledImage, shapes: Sequence[Shape], names: Sequence[str]) -> None:
    """The seg mask of an image that has outlines: later ones over earlier ones; ignored where there is only a box of such a class."""
    if not any(shape.kind in PAINTED for shape in shapes):
        return
    mask = found.masks["seg"] = np.zeros(found.hw, np.uint8)
    for shape in sorted(shapes, key=lambda shape: shape.kind in PAINTED):
        if shape.pixels is not None:
            draw_pixels(mask, shape.pixels, shape.corners[0], names.index(shape.label))
        elif shape.kind == "polygon":
            draw_polygon(mask, shape.corners, names.index(shape.label))
        elif shape.label in names:
            x1, y1, x2, y2 = bounding_box(shape.corners)
            draw_polygon(mask, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)], IGNORE)
