"""Labels that stay readable: text on its own background, laid out so that labels do not cover one another."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from mtzoo.errors import one_line
from mtzoo.visualization.colors import ColorBGR, text_color

FONT = cv2.FONT_HERSHEY_SIMPLEX
TALL_TEXT = "Ag"
"""Ascender and descender: some fonts measure each text by its own letters, and lines would dance."""

Rect = tuple[int, int, int, int]  # x1, y1, x2, y2
DARKENED = (np.arange(256) * 0.35).astype(np.uint8)
"""Of each value what is behind a legend."""
LEGEND_SHARE = 0.15
"""Of a picture's height that a legend may take: what lies behind it is hard to see."""


@dataclass(frozen=True)
class TextStyle:
    """scale: of OpenCV's font; thickness: of strokes and box lines; pad: pixels around a text."""

    scale: float
    thickness: int
    pad: int

    @classmethod
    def for_image(cls, hw: tuple[int, int]) -> "TextStyle":
        """A style that reads at the image's own size."""
        side = min(hw)
        return cls(scale=min(max(side / 1100, 0.36), 2.0), thickness=max(1, round(side / 540)), pad=max(2, round(side / 300)))

    def size(self, text: str) -> tuple[int, int]:
        """(width, height) of a text with its padding, in pixels; the height is the same for every text."""
        return _size(text, self)

    def fitted(self, name: str, note: str, width: int) -> str:
        """`name` and `note`; where they are wider than `width` pixels, dots for the end of the name: the note is to be read."""
        if self.size(name + note)[0] <= width:
            return name + note
        fit = bisect_right(range(1, len(name)), width, key=lambda length: self.size(f"{name[:length]}...{note}")[0])
        return f"{name[:max(fit, 1)]}...{note}"

    def write(self, image: np.ndarray, text: str, corner: tuple[int, int], color: ColorBGR) -> None:
        """Put a text where its padded rectangle has the top left `corner`, in place."""
        ascent = cv2.getTextSize(TALL_TEXT, FONT, self.scale, self.thickness)[0][1]
        place = corner[0] + self.pad, corner[1] + self.pad + ascent
        cv2.putText(image, one_line(text), place, FONT, self.scale, color, self.thickness, cv2.LINE_AA)


@lru_cache(maxsize=4096)
def _size(text: str, style: TextStyle) -> tuple[int, int]:
    width = cv2.getTextSize(one_line(text), FONT, style.scale, style.thickness)[0][0]
    (_, height), baseline = cv2.getTextSize(TALL_TEXT, FONT, style.scale, style.thickness)
    return width + 2 * style.pad, height + baseline + 2 * style.pad


def draw_label(image: np.ndarray, text: str, corner: tuple[int, int], color: ColorBGR, style: TextStyle) -> Rect:
    """Write `text` on a filled rectangle whose top left is `corner`, in place. Returns the rectangle."""
    width, height = style.size(text)
    x, y = corner
    cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), color, -1)
    style.write(image, text, corner, text_color(color))
    return x, y, x + width, y + height


def place_label(box: Rect, size: tuple[int, int], taken: Sequence[Rect], hw: tuple[int, int]) -> tuple[int, int]:
    """Top left corner for a label of `size` (width, height): above the box, below it or inside, the first free place in the image.

    Where none is free, above the box (inside at the image's upper edge).
    """
    width, height = size
    x1, y1, x2, y2 = box
    x = min(max(x1, 0), max(hw[1] - width, 0))
    right = min(max(x2 - width, 0), max(hw[1] - width, 0))
    above = (x, y1 - height) if y1 >= height else (x, max(y1, 0))
    for corner in (above, (x, y2), (right, y1 - height), (right, y2), (x, y1)):
        left, top = corner
        inside = top >= 0 and top + height <= hw[0]
        if inside and not any(left < other[2] and other[0] < left + width and top < other[3] and other[1] < top + height
                              for other in taken):
            return corner
    return above


def draw_legend(image: np.ndarray, entries: Sequence[tuple[str, ColorBGR]], style: TextStyle) -> None:
    """Names with their colours in lines along the lower edge, the picture darkened behind them, in place. What does not fit into
    LEGEND_SHARE of its height is counted, not named."""
    line = style.size(TALL_TEXT)[1]
    swatch = max(6, round(0.55 * line))
    lines = _legend_lines(entries, style, swatch, image.shape[1])
    room = max(1, int(LEGEND_SHARE * image.shape[0] / line))
    if hidden := sum(map(len, lines[room:])):
        _, _, x = lines[room - 1].pop()
        lines[room - 1].append((f"+{hidden + 1}", None, x))
    lines = lines[:room]
    for row, placed in enumerate(lines):
        y = max(image.shape[0] - (len(lines) - row) * line, 0)
        name, _, x = placed[-1]
        behind = image[y:y + line, :x + swatch + style.size(name)[0] + style.pad]
        behind[:] = cv2.LUT(behind, DARKENED)
        for name, color, x in placed:
            left, top = x + style.pad, y + (line - swatch) // 2
            if color is not None:
                cv2.rectangle(image, (left, top), (left + swatch, top + swatch), color, -1)
            style.write(image, name, (x + swatch + style.pad, y), (255, 255, 255))


def _legend_lines(entries: Sequence[tuple[str, ColorBGR]], style: TextStyle, swatch: int,
                  width: int) -> list[list[tuple[str, ColorBGR | None, int]]]:
    """For each line of at most `width` pixels: (name, colour, x)."""
    lines: list[list[tuple[str, ColorBGR | None, int]]] = []
    x = width
    for name, color in entries:
        name = style.fitted(name, "", width - swatch - 3 * style.pad)
        wide = swatch + style.size(name)[0] + 3 * style.pad
        if not lines or x + wide > width:
            lines.append([])
            x = 0
        lines[-1].append((name, color, x))
        x += wide
    return lines
