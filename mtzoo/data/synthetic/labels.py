"""What a scene is labelled with: class names, surfaces, visible extents.

Every pixel of the id buffer holds a surface number. A surface knows its segmentation class, its lane class and the
objects it is part of (a vehicle's rear face is part of the vehicle and of the rear), so the painter's algorithm on
one buffer yields masks of what is visible and boxes of the visible extent.
"""

from dataclasses import dataclass

import numpy as np

CATEGORIES = ("cyclist", "traffic_light", "person", "vehicle_rear", "vehicle_front", "vehicle", "sign")
SEG_CLASSES = ("sky", "building", "pole", "road", "sidewalk", "vegetation", "sign", "fence", "vehicle", "person",
               "cyclist", "traffic_light")
LANE_CLASSES = ("background", "solid", "dashed", "curb")
UNLABELLED = 255  # clutter that belongs to no class, the hood of the ego vehicle
MAX_SURFACES = 256  # the id buffer is uint8: one table look-up then makes a mask

IGNORE_BELOW_VISIBLE = 0.3  # of the full projected area
DROP_BELOW_PIXELS = 16
DROP_BELOW_SIDE = 4.0
IGNORE_BELOW_LONG_SIDE = 12.0  # the last three in pixels of a picture 720 high


@dataclass(frozen=True)
class SceneObject:
    """One labelled object.

    xyxy: visible extent in pixels (x2, y2 exclusive: the corner of the first pixel is 0); visible_fraction: visible
    pixels over the full projected area, outside the picture included; ignore: too hidden or too small to be asked for.
    """

    category: str
    xyxy: tuple[int, int, int, int]
    area: int
    visible_fraction: float
    ignore: bool


@dataclass(frozen=True)
class Scene:
    """image (H, W, 3) uint8 BGR; seg, lane (H, W) uint8, indices into SEG_CLASSES and LANE_CLASSES, 255 = ignore."""

    image: np.ndarray
    seg: np.ndarray
    lane: np.ndarray
    objects: tuple[SceneObject, ...]


@dataclass(frozen=True)
class Sealed:
    """An object right after it was painted, when nothing nearer hides it yet.

    window: x1, y1, x2, y2 of its projection inside the picture; painted: pixels it covered; inside: share of the
    projected bounding box that lies in the picture.
    """

    category: str
    surfaces: tuple[int, ...]
    window: tuple[int, int, int, int]
    painted: int
    inside: float


def projected_window(points: np.ndarray, hw: tuple[int, int]) -> tuple[tuple[int, int, int, int], float]:
    """points (n, 2) -> their bounding box clipped to the picture, and the share of the box that is inside."""
    x1, y1 = points.min(0)
    x2, y2 = points.max(0)
    full = max(x2 - x1, 1e-3) * max(y2 - y1, 1e-3)
    # One pixel of margin: the rasteriser rounds outwards.
    left, top = max(int(np.floor(x1)) - 1, 0), max(int(np.floor(y1)) - 1, 0)
    right, bottom = min(int(np.ceil(x2)) + 1, hw[1]), min(int(np.ceil(y2)) + 1, hw[0])
    seen = max(min(x2, hw[1]) - max(x1, 0), 0) * max(min(y2, hw[0]) - max(y1, 0), 0)
    return (left, top, max(right, left), max(bottom, top)), float(seen / full)


def covered(ids: np.ndarray, window: tuple[int, int, int, int], surfaces: tuple[int, ...]) -> np.ndarray:
    """Mask of the window's pixels that belong to any of the surfaces, which are consecutive numbers."""
    x1, y1, x2, y2 = window
    part = ids[y1:y2, x1:x2]
    if len(surfaces) == 1:
        return part == surfaces[0]
    return (part >= surfaces[0]) & (part <= surfaces[-1])


def visible_object(ids: np.ndarray, sealed: Sealed, scale: float) -> SceneObject | None:
    """The object as labelled once the whole scene is painted; None if too little of it is left.

    ids: (H, W) uint8; scale: picture height / 720, for the thresholds in pixels.
    """
    mask = covered(ids, sealed.window, sealed.surfaces)
    area = int(np.count_nonzero(mask))
    if area < DROP_BELOW_PIXELS * scale * scale or not sealed.painted:
        return None
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x1, y1 = sealed.window[:2]
    xyxy = (int(x1 + cols[0]), int(y1 + rows[0]), int(x1 + cols[-1] + 1), int(y1 + rows[-1] + 1))
    sides = (xyxy[2] - xyxy[0], xyxy[3] - xyxy[1])
    if min(sides) < DROP_BELOW_SIDE * scale:
        return None
    fraction = min(area / sealed.painted, 1.0) * sealed.inside
    ignore = fraction < IGNORE_BELOW_VISIBLE or max(sides) < IGNORE_BELOW_LONG_SIDE * scale
    return SceneObject(sealed.category, xyxy, area, round(fraction, 4), ignore)
