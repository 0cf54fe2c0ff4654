"""Charts of a report, drawn by matplotlib: lines over iterations, values of steps, bars; and points side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtzoo.errors import one_line
from mtzoo.visualization.figures import STYLE, figure_bytes

if TYPE_CHECKING:  # imported when something is drawn: it takes a second
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

PALETTE = ("#2f7ed8", "#e0662b", "#2a9d6f", "#c2429b", "#b58900", "#6c5ce7", "#17a2b8", "#d63949", "#7f8c8d", "#8d6e63")
MAX_POINTS = 240
DECADES = 30
"""A y axis is logarithmic where it spans more than this factor."""
COLUMNS = 2
SIDES = (((6, 0), "left", "center"), ((-6, 0), "right", "center"), ((0, 6), "center", "bottom"), ((0, -6), "center", "top"))
"""Where a name can stand beside its point: offset in points, horizontal and vertical alignment."""
Point = tuple[float, float]


def line_chart(series: Mapping[str, Sequence[Point]], *, x_label: str, y_label: str,
               marks: Sequence[tuple[float, str]] = ()) -> bytes | None:
    """Lines of (x, y) with a legend, as an SVG file; None without a value that is finite. marks: (x, text) of vertical lines."""
    clean = {name: thin([p for p in points if math.isfinite(p[1])]) for name, points in series.items()}
    values = [y for points in clean.values() for _, y in points]
    if not values:
        return None
    with _drawn(11, 3.2) as (figure, axes):
        for (name, points), color in zip(clean.items(), colors(len(clean))):
            axes.plot(*zip(*points or [(math.nan, math.nan)]), color=color, label=shown(name), linewidth=1.6)
        axes.set(xlabel=one_line(x_label), ylabel=one_line(y_label))
        if min(values) > 0 and max(values) > DECADES * min(values):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("")
        for x, text in marks:
            axes.axvline(x, color="0.5", linewidth=0.8, linestyle="--")
            axes.annotate(one_line(text), (x, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 2), textcoords="offset points",
                          color="0.4", fontsize=8)
        _legend(figure, axes)
        return figure_bytes(figure, "svg")


def step_chart(series: Mapping[str, Sequence[float | None]], steps: Sequence[str], *, y_label: str,
               min_span: float = 0.0) -> bytes | None:
    """One line per series over named steps, its values written at the points. None where a step lacks the value.

    min_span: the y axis shows at least so much, lest small changes look large.
    """
    points = {name: [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)] for name, values in series.items()}
    values = [y for line in points.values() for _, y in line]
    if not values:
        return None
    with _drawn(4.4, 2.6) as (figure, axes):
        for (name, line), color in zip(points.items(), colors(len(points))):
            axes.plot(*zip(*line or [(math.nan, math.nan)]), color=color, label=shown(name), marker="o", markersize=4)
            for x, y in line:
                axes.annotate(f"{y:.1f}", (x, y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8)
        air = max(0.12 * (max(values) - min(values)), (min_span - max(values) + min(values)) / 2)
        axes.set(xlim=(-0.3, len(steps) - 0.7), ylim=(min(values) - air, max(values) + air) if air else None, ylabel=one_line(y_label))
        axes.set_xticks(range(len(steps)), [one_line(step) for step in steps])
        _legend(figure, axes)
        return figure_bytes(figure, "svg")


def bar_chart(values: Mapping[str, float], notes: Mapping[str, str]) -> bytes | None:
    """Horizontal bars; notes: name -> text written after the bar, with the unit."""
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    if not finite:
        return None
    with _drawn(11, 0.5 + 0.26 * len(finite)) as (figure, axes):
        bars = axes.barh(range(len(finite)), list(finite.values()), color=colors(len(finite)), height=0.7)
        axes.bar_label(bars, [one_line(notes.get(name, "")) for name in finite], padding=5)
        axes.set_yticks(range(len(finite)), [one_line(name) for name in finite])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.35 * max(*finite.values(), 1e-9))  # room for the notes
        axes.grid(False)
        axes.xaxis.set_visible(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        return figure_bytes(figure, "svg")


def scatter_chart(charts: Mapping[str, Mapping[str, Point]], *, x_label: str) -> bytes:
    """Charts side by side, each of named points (x, y), whose names stand beside them, as an SVG file. charts: what y is -> name ->
    point. A name has the same colour in all charts. Raises ValueError without a point."""
    names = list(dict.fromkeys(name for points in charts.values() for name in points))
    if not names or not all(charts.values()):
        raise ValueError("a chart without points")
    own, rows = dict(zip(names, colors(len(names)))), -(-len(charts) // COLUMNS)
    with _figure(5.6 * min(COLUMNS, len(charts)), 4.2 * rows) as figure:
        for axes, (y_label, points) in zip(figure.subplots(rows, min(COLUMNS, len(charts)), squeeze=False).flat, charts.items()):
            axes.set(xlabel=one_line(x_label), ylabel=one_line(y_label))
            axes.margins(x=0.25, y=0.12)
            for name, (x, y) in points.items():
                axes.plot([x], [y], "o", color=own[name])
                axes.annotate(one_line(name), (x, y), xytext=SIDES[0][0], textcoords="offset points")
        for axes in figure.axes[len(charts):]:
            axes.remove()
        figure.draw_without_rendering()  # from here on it is known where points are
        for axes in figure.axes:
            _place_names(axes)
        return figure_bytes(figure, "svg")


def _place_names(axes: "Axes") -> None:
    """Each name stands on the first of SIDES where it covers no axis, no point and no name before it, else on the first of all."""
    from matplotlib.transforms import Bbox

    names: list[Annotation] = list(axes.texts)
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in (axes.transData.transform(name.xy) for name in names)]
    for i, name in enumerate(names):
        others = taken[:i] + taken[i + 1:]
        free = [side for side in SIDES if (place := _placed(name, side)).x0 > axes.bbox.x0 and place.y0 > axes.bbox.y0
                and not any(place.overlaps(other) for other in others)]
        taken.append(_placed(name, next(iter(free), SIDES[0])))


def _placed(name: "Annotation", side: tuple[Point, str, str]) -> "Bbox":
    """What a name covers, in pixels, once it stands on that side of its point; a viewer's font may be larger."""
    offset, horizontal, vertical = side
    name.set(position=offset, horizontalalignment=horizontal, verticalalignment=vertical)
    return name.get_window_extent().expanded(1.15, 1.2)


@contextmanager
def _figure(width: float, height: float) -> "Iterator[Figure]":
    """An empty figure in the house's style; inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "grid.color": "0.9", "axes.axisbelow": True}):
        yield Figure(figsize=(width, height), layout="constrained")


@contextmanager
def _drawn(width: float, height: float) -> "Iterator[tuple[Figure, Axes]]":
    """A figure of one chart, with lines at the values of its y axis."""
    with _figure(width, height) as figure:
        axes = figure.add_subplot()
        axes.grid(axis="y")
        yield figure, axes


def _legend(figure: "Figure", axes: "Axes") -> None:
    """The names below the chart."""
    columns = 6 if figure.get_figwidth() > 6 else 3
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=columns, frameon=False, fontsize=8)


def shown(name: str) -> str:
    """A name as matplotlib's legend takes it: it leaves out those that begin with an underscore."""
    return f"\u200b{one_line(name)}" if name.startswith("_") else one_line(name)


def colors(count: int) -> list[str]:
    """Of so many series."""
    return [PALETTE[i % len(PALETTE)] for i in range(count)]


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MAX_POINTS points: means of equal runs of neighbours."""
    run = -(-len(points) // MAX_POINTS)
    if run <= 1:
        return list(points)
    groups = [points[i:i + run] for i in range(0, len(points), run)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]
