"""Bar charts as pictures, drawn by matplotlib: one bar a row, in stacked parts."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mtzoo.errors import one_line
from mtzoo.visualization.colors import ColorBGR
from mtzoo.visualization.figures import STYLE

if TYPE_CHECKING:  # imported when something is drawn: it takes a second
    from matplotlib.axes import Axes

DPI = 100
ROW, TITLE, LEGEND = 0.24, 0.36, 0.24
"""Inches of a bar, and of what stands above."""
RGB = Sequence[float]


@dataclass(frozen=True)
class Bar:
    """name: before the bar; parts: (length, colour) from left to right, lengths in any one unit; note: after the bar."""

    name: str
    parts: tuple[tuple[float, ColorBGR], ...]
    note: str = ""


def bar_picture(title: str, bars: Sequence[Bar], *, legend: Sequence[tuple[str, ColorBGR]] = (), width: int = 900) -> np.ndarray:
    """Horizontal bars below a title and a legend of the parts' colours. Returns (H, width, 3) uint8 BGR."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that matplotlib's font has not
        figure = Figure(figsize=(width / DPI, TITLE + LEGEND * bool(legend) + ROW * len(bars)), dpi=DPI, layout="constrained")
        _draw_bars(figure.add_subplot(), bars)
        handles = [Patch(color=_rgb(color), label=one_line(name)) for name, color in legend]
        figure.legend(handles=handles, title=one_line(title), title_fontproperties={"weight": "bold", "size": 9}, alignment="left",
                      loc="outside upper left", ncols=max(len(legend), 1), frameon=False)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)


def _draw_bars(axes: "Axes", bars: Sequence[Bar]) -> None:
    longest = max((sum(length for length, _ in bar.parts) for bar in bars), default=0) or 1
    for row, bar in enumerate(bars):
        left = 0.0
        for length, color in bar.parts:
            if length > 0:  # however few: an edge of one pixel says that there are some
                axes.barh(row, length, left=left, height=0.7, facecolor=_rgb(color), edgecolor=_rgb(color), linewidth=72 / DPI,
                          antialiased=False, clip_on=False)
            left += length
        axes.annotate(one_line(bar.note), (left, row), xytext=(4, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(bars)), [one_line(bar.name) for bar in bars])
    axes.set(xlim=(0, longest), ylim=(max(len(bars), 1) - 0.5, -0.5))
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _rgb(color: ColorBGR) -> RGB:
    """0 to 1, as matplotlib takes it."""
    return [value / 255 for value in reversed(color)]
