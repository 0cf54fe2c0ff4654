"""Scatter charts as one SVG file that any viewer opens by itself."""

from collections.abc import Mapping

from mtzoo.visualization.html_text import html_text
from mtzoo.visualization.svg import Frame, Point, cycle_colors, nice_range, x_axis, y_axis

WIDTH, HEIGHT, COLUMNS = 560, 330, 2
STYLE = ("<style>text{font:11px sans-serif;fill:#333}.name{font-weight:bold}.grid{stroke:#ddd}rect{fill:#fff}</style>")


def scatter_chart(charts: Mapping[str, Mapping[str, Point]], *, x_label: str) -> str:
    """Charts side by side, each of named points (x, y), whose names stand beside them. charts: what y is -> name -> point.

    A name has the same colour in all charts. Raises ValueError without a point.
    """
    names = list(dict.fromkeys(name for points in charts.values() for name in points))
    if not names or not all(charts.values()):
        raise ValueError("a chart without points")
    colors = dict(zip(names, cycle_colors(len(names))))
    rows = -(-len(charts) // COLUMNS)
    width, height = WIDTH * min(COLUMNS, len(charts)), HEIGHT * rows
    drawn = [_chart(y_label, points, x_label, colors) for y_label, points in charts.items()]
    places = [(WIDTH * (i % COLUMNS), HEIGHT * (i // COLUMNS)) for i in range(len(drawn))]
    parts = [f'<g transform="translate({left} {top})">{chart}</g>' for (left, top), chart in zip(places, drawn)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{STYLE}'
            f'<rect width="{width}" height="{height}"/>{"".join(parts)}</svg>\n')


def _chart(y_label: str, points: Mapping[str, Point], x_label: str, colors: Mapping[str, str]) -> str:
    frame = Frame(WIDTH, HEIGHT, *(nice_range([point[axis] for point in points.values()]) for axis in (0, 1)))
    parts = [y_axis(frame, y_label), x_axis(frame, x_label)]
    for name, (x, y) in points.items():
        left = frame.x(x) > 0.75 * WIDTH  # the name has to fit into the frame
        parts.append(f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="4" fill="{colors[name]}"/>'
                     f'<text class="name" x="{frame.x(x) + (-7 if left else 7):.1f}" y="{frame.y(y) + 4:.1f}" '
                     f'text-anchor="{"end" if left else "start"}">{html_text(name)}</text>')
    return "".join(parts)
