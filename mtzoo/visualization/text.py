"""Labels that stay readable: text on its own background, laid out so that labels do not cover one another."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

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

    Where none is free, above the box (inside at the image's upper edge). hw: height and width of the image, or of the part of it that
    labels may stand in, from its top.
    """
    width, height = size
    x1, y1, x2, y2 = box
    x = min(max(x1, 0), max(hw[1] - width, 0))
    right = min(max(x2 - width, 0), max(hw[1] - width, 0))
    above = (x, min(y1 - height if y1 >= height else max(y1, 0), max(hw[0] - height, 0)))
    for corner in (above, (x, y2), (right, y1 - height), (right, y2), (x, y1)):
        left, top = corner
        inside = top >= 0 and top + height <= hw[0]
        if inside and not any(left < other[2] and other[0] < left + width and top < other[3] and other[1] < top + height
                              for other in taken):
            return corner
    return above


class Entry(NamedTuple):
    """name: of a class, or a count of classes; color: None for a count, which has no square; x: pixels from the left edge."""

    name: str
    color: ColorBGR | None
    x: int


@dataclass(frozen=True)
class Legend:
    """Names with their colours in lines along the lower edge of a picture.

    lines: from the top; top: pixel row of the first one, the picture's height where there is none; swatch: side of a colour's square.
    """

    style: TextStyle
    lines: Sequence[Sequence[Entry]]
    top: int
    swatch: int

    @classmethod
    def laid_out(cls, entries: Sequence[tuple[str, ColorBGR]], style: TextStyle, hw: tuple[int, int]) -> "Legend":
        """entries: (name, colour). Those that do not fit into LEGEND_SHARE of the picture's height are counted, not named."""
        height, width = hw
        line = style.size(TALL_TEXT)[1]
        swatch = max(6, round(0.55 * line))
        lines = _legend_lines(entries, style, swatch, width)
        room = max(1, int(LEGEND_SHARE * height / line))
        if hidden := sum(map(len, lines[room:])):
            lines = [*lines[:room - 1], _with_count(lines[room - 1], hidden, style, swatch, width)]
        return cls(style, lines, max(height - len(lines) * line, 0), swatch)

    def draw(self, image: np.ndarray) -> None:
        """Write it, the picture darkened behind it, in place."""
        height = self.style.size(TALL_TEXT)[1]
        for row, line in enumerate(self.lines):
            y = self.top + row * height
            behind = image[y:y + height, :line[-1].x + self.swatch + self.style.size(line[-1].name)[0] + self.style.pad]
            behind[:] = cv2.LUT(behind, DARKENED)
            for name, color, x in line:
                left, top = x + self.style.pad, y + (height - self.swatch) // 2
                if color is not None:
                    cv2.rectangle(image, (left, top), (left + self.swatch, top + self.swatch), color, -1)
                self.style.write(image, name, (x + self.swatch + self.style.pad, y), (255, 255, 255))


def _legend_lines(entries: Sequence[tuple[str, ColorBGR]], style: TextStyle, swatch: int, width: int) -> list[list[Entry]]:
    """Lines of at most `width` pixels."""
    lines: list[list[Entry]] = []
    x = width
    for name, color in entries:
        name = style.fitted(name, "", width - swatch - 3 * style.pad)
        wide = swatch + style.size(name)[0] + 3 * style.pad
        if not lines or x + wide > width:
            lines.append([])
            x = 0
        lines[-1].append(Entry(name, color, x))
        x += wide
    return lines


def _with_count(line: Sequence[Entry], hidden: int, style: TextStyle, swatch: int, width: int) -> list[Entry]:
    """The line with a count of hidden names in place of its last name; a name that stands alone is shortened instead."""
    if len(line) > 1:
        return [*line[:-1], Entry(f"+{hidden + 1}", None, line[-1].x)]
    count = f"+{hidden}"
    name = style.fitted(line[0].name, "", width - swatch - 2 * style.pad - style.size(count)[0])
    return [line[0]._replace(name=name), Entry(count, None, style.size(name)[0])]
