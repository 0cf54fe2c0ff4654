"""Boxes around what COCO's `segmentation` holds: polygons, or runs of pixels (RLE), plain or compressed.

pycocotools reads runs, too, but damages its memory where a file's are forged.
"""

import math
from collections.abc import Sequence

import numpy as np

from mtzoo.data.images import MAX_PIXELS

XYXY = tuple[float, float, float, float]
_MOST_BITS = 30  # of one number; images are smaller


def segmentation_box(segmentation: object) -> XYXY | None:
    """xyxy around a segmentation, in pixels; None for what is none, or has no pixel."""
    if isinstance(segmentation, dict):
        return _rle_box(segmentation)
    if not isinstance(segmentation, list):
        return None
    polygons = [segmentation] if segmentation and not isinstance(segmentation[0], list) else segmentation
    corners = [_corners(polygon) for polygon in polygons]
    if not corners or None in corners:
        return None
    xs, ys = ([v for polygon in corners for v in polygon[k::2]] for k in (0, 1))
    return (min(xs), min(ys), max(xs), max(ys)) if xs else None


def _corners(polygon: object) -> Sequence[float] | None:
    """[x, y, x, y, ...] of at least three corners, or None. Corners of some tools come as pairs."""
    if isinstance(polygon, list) and polygon and all(isinstance(pair, list) and len(pair) == 2 for pair in polygon):
        polygon = [v for pair in polygon for v in pair]
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return None
    if not all(type(v) in (int, float) and abs(v) < 1e9 and math.isfinite(v) for v in polygon):
        return None
    return polygon


def _rle_box(segmentation: dict) -> XYXY | None:
    """Runs go down the columns, first of pixels outside, then inside, and so on."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(type(v) is int and v > 0 for v in size):
        return None
    height, width = size
    runs = _decompress(counts) if isinstance(counts, str) else counts
    if height * width > MAX_PIXELS or not isinstance(runs, list):
        return None
    if not all(type(v) is int and 0 <= v <= MAX_PIXELS for v in runs) or sum(runs) > height * width:
        return None
    ends = np.cumsum(np.array(runs, np.int64))
    starts, ends = ends[0::2][:len(runs) // 2], ends[1::2]
    starts, lasts = starts[starts < ends], ends[starts < ends] - 1
    if not starts.size:
        return None
    one_column = starts // height == lasts // height
    rows = np.where(one_column, starts % height, 0), np.where(one_column, lasts % height, height - 1)
    return float(starts[0] // height), float(rows[0].min()), float(lasts[-1] // height + 1), float(rows[1].max() + 1)


def _decompress(text: str) -> list[int] | None:
    """COCO's compressed counts, as its published rleFrString reads them: 5 bits a character from "0" on, the sixth says that more
    follow; from the fourth number on, differences to the number two before. None for what is none."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > _MOST_BITS:
            return None
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts if shift == 0 else None
