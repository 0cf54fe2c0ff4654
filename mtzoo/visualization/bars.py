"""Bar charts as pictures: one bar a row, in stacked parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mtzoo.visualization.colors import ColorBGR
from mtzoo.visualization.sheet import PAPER
from mtzoo.visualization.text import TextStyle

STYLE = TextStyle(scale=0.5, thickness=1, pad=4)
INK: ColorBGR = (50, 50, 50)
GAP = 8  # pixels between bars and around everything
MIN_BAR = 100


@dataclass(frozen=True)
class Bar:
    """name: before the bar; parts: (length, colour) from left to right, lengths in any one unit; note: after the bar."""

    name: str
    parts: tuple[tuple[float, ColorBGR], ...]
    note: str = ""


def bar_picture(title: str, bars: Sequence[Bar], *, legend: Sequence[tuple[str, ColorBGR]] = (), width: int = 900) -> np.ndarray:
    """Horizontal bars below a title and a legend of the parts' colours. Returns (H, width, 3) uint8 BGR."""
    line = STYLE.size("Ag")[1]
    rows = 2 if legend else 1
    picture = np.full(((rows + len(bars)) * (line + GAP) + GAP, width, 3), PAPER, dtype=np.uint8)
    STYLE.write(picture, title, (GAP, GAP), INK)
    if legend:
        _draw_legend(picture, legend, GAP + line + GAP)
    left = 2 * GAP + max((STYLE.size(bar.name)[0] for bar in bars), default=0)
    right = GAP + max((STYLE.size(bar.note)[0] for bar in bars), default=0)
    space = max(width - left - right, MIN_BAR)
    longest = max((sum(length for length, _ in bar.parts) for bar in bars), default=0) or 1
    for row, bar in enumerate(bars, start=rows):
        y = GAP + row * (line + GAP)
        STYLE.write(picture, bar.name, (left - GAP - STYLE.size(bar.name)[0], y), INK)
        x = float(left)
        for length, color in bar.parts:
            end = x + length / longest * space
            if length > 0:  # however few: one pixel says that there are some
                cv2.rectangle(picture, (round(x), y), (max(round(end) - 1, round(x)), y + line - 1), color, -1)
            x = end
        STYLE.write(picture, bar.note, (round(x) + STYLE.pad, y), INK)
    return picture


def _draw_legend(picture: np.ndarray, legend: Sequence[tuple[str, ColorBGR]], y: int) -> None:
    x, (_, line) = GAP, STYLE.size("Ag")
    for name, color in legend:
        cv2.rectangle(picture, (x, y + line // 4), (x + line // 2, y + 3 * line // 4), color, -1)
        x += line // 2
        STYLE.write(picture, name, (x, y), INK)
        x += STYLE.size(name)[0] + GAP
