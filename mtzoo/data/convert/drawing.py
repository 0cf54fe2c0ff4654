"""Polygons and polylines of label files -> pixels of a mask."""

from collections.abc import Sequence

import cv2
import numpy as np

from mtzoo.structures import IGNORE

Points = Sequence[tuple[float, float]]

FAR = 16_000  # pixels; OpenCV's rasteriser counts in 16 bits and a half, and no image is so large
CURVE_STEPS = 16
LANE_WIDTH_SHARE = 1 / 90
"""Width of a lane line over the image's height: 8 px at 720 rows, about the paint's width in front of the car."""


def lane_width(height: int) -> int:
    """Pixels that a lane's polyline is drawn with."""
    return max(round(height * LANE_WIDTH_SHARE), 2)


def draw_polygon(mask: np.ndarray, corners: Points, value: int) -> None:
    """Fill a closed polygon of pixel coordinates in place. mask: (H, W) uint8. One of less than 3 corners is ignored where it lies."""
    if len(corners) >= 3:
        cv2.fillPoly(mask, [_pixels(corners)], int(value))
    elif corners:
        cv2.polylines(mask, [_pixels(corners)], False, IGNORE, 2)


def draw_polyline(mask: np.ndarray, line: Points, value: int, width: int) -> None:
    """Draw an open line of pixel coordinates in place, `width` pixels wide. mask: (H, W) uint8.

    A single point is a line of which nobody knows where it goes: ignored around the point.
    """
    if len(line) >= 2:
        cv2.polylines(mask, [_pixels(line)], False, int(value), width)
    elif line:
        cv2.circle(mask, _pixels(line)[0, 0].tolist(), width, IGNORE, cv2.FILLED)


def draw_pixels(mask: np.ndarray, pixels: np.ndarray, corner: tuple[float, float], value: int) -> None:
    """Set those of a rectangle of pixels that are true in place, clipped to the mask. mask: (H, W) uint8; pixels: (h, w) bool; corner:
    x, y of its first pixel in the mask."""
    x, y = round(corner[0]), round(corner[1])
    part = mask[max(y, 0):max(y + pixels.shape[0], 0), max(x, 0):max(x + pixels.shape[1], 0)]
    dx, dy = max(-x, 0), max(-y, 0)
    if part.size:
        part[pixels[dy:dy + part.shape[0], dx:dx + part.shape[1]]] = value


def bounding_box(corners: Points) -> tuple[float, float, float, float]:
    """xyxy around at least one point."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def flatten_curves(vertices: Points, types: str) -> list[tuple[float, float]]:
    """Vertices of which some are Bezier control points -> a polyline.

    types: a letter for each vertex, "L" a point of the line, "C": with the next two, controls and end of a cubic curve
    from the point before. Left-over controls at the end count as points.
    """
    line: list[tuple[float, float]] = []
    i = 0
    while i < len(vertices):
        if line and types[i:i + 3] == "CCC" and i + 3 <= len(vertices):
            line += _cubic(line[-1], *vertices[i:i + 3])
            i += 3
        else:
            line.append(vertices[i])
            i += 1
    return line


def _cubic(start: tuple[float, float], a: tuple[float, float], b: tuple[float, float],
           end: tuple[float, float]) -> list[tuple[float, float]]:
    t = np.linspace(0, 1, CURVE_STEPS + 1)[1:, None]  # (S, 1)
    weights = np.concatenate([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3], axis=1)  # (S, 4), Bernstein's
    curve = weights @ np.array([start, a, b, end], dtype=np.float64)  # (S, 2)
    return [(float(x), float(y)) for x, y in curve]


def _pixels(corners: Points) -> np.ndarray:
    """(n, 1, 2) int32."""
    array = np.nan_to_num(np.asarray(corners, dtype=np.float64), nan=-FAR, posinf=FAR, neginf=-FAR)
    return np.rint(np.clip(array, -FAR, FAR)).astype(np.int32).reshape(-1, 1, 2)
