"""Charts as SVG text, for pages that open without a network. Pure functions of numbers; colours follow the page's theme."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtzoo.visualization.html_text import html_text

PALETTE = ("#2f7ed8", "#e0662b", "#2a9d6f", "#c2429b", "#b58900", "#6c5ce7", "#17a2b8", "#d63949", "#7f8c8d", "#8d6e63")
MAX_POINTS = 240
Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """The plotting area inside an SVG of `width` x `height` and the ranges it shows; `log_y` plots decades."""

    width: int
    height: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_y: bool = False
    left: int = 52
    right: int = 12
    top: int = 10
    bottom: int = 34

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.left + (value - low) / (high - low or 1) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        low, high = self.y_range
        if self.log_y:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return self.height - self.bottom - (value - low) / (high - low or 1) * (self.height - self.top - self.bottom)


def line_chart(series: Mapping[str, Sequence[Point]], *, x_label: str, y_label: str, marks: Sequence[tuple[float, str]] = (),
               width: int = 1100, height: int = 280) -> str:
    """Lines of (x, y) over a numeric x axis, with a legend. y is logarithmic when it spans more than a factor of 30.

    marks: (x, text) of vertical lines, e.g. where a step begins. Values that are not finite are left out.
    """
    clean = {name: thin([p for p in points if math.isfinite(p[1])]) for name, points in series.items()}
    values = [p for points in clean.values() for p in points]
    if not values:
        return ""
    positive = [y for _, y in values if y > 0]
    log_y = len(positive) == len(values) and max(positive) > 30 * min(positive)
    y_range = log_range(positive) if log_y else nice_range([y for _, y in values])
    xs = [x for x, _ in (*values, *marks)]
    frame = Frame(width, height, (min(xs), max(xs)), y_range, log_y)
    parts = [y_axis(frame, y_label), x_axis(frame, x_label)]
    for x, text in marks:
        parts.append(f'<line class="mark" x1="{frame.x(x):.1f}" x2="{frame.x(x):.1f}" y1="{frame.top}" y2="{height - frame.bottom}"/>'
                     f'<text class="tick" x="{frame.x(x) + 4:.1f}" y="{frame.top + 10}">{html_text(text)}</text>')
    parts += [polyline(frame, points, color, name) for (name, points), color in zip(clean.items(), cycle_colors(len(clean)))]
    return svg(width, height, parts, y_label) + legend(list(clean))


def step_chart(series: Mapping[str, Sequence[float | None]], steps: Sequence[str], *, y_label: str, min_span: float = 0.0,
               width: int = 420, height: int = 230) -> str:
    """One line per series over named steps, its values written at the points. None where a step lacks the value.

    min_span: the y axis shows at least so much, lest small changes look large.
    """
    points = {name: [(i, v) for i, v in enumerate(values) if v is not None and math.isfinite(v)] for name, values in series.items()}
    values = [y for line in points.values() for _, y in line]
    if not values:
        return ""
    frame = Frame(width, height, (-0.3, len(steps) - 0.7), nice_range(values, min_span))
    parts = [y_axis(frame, y_label)]
    parts += [f'<text class="tick" text-anchor="middle" x="{frame.x(i):.1f}" y="{height - frame.bottom + 15}">{html_text(step)}</text>'
              for i, step in enumerate(steps)]
    for (name, line), color in zip(points.items(), cycle_colors(len(points))):
        parts.append(polyline(frame, line, color, name))
        parts += [f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{color}"><title>{html_text(name)}, '
                  f'{html_text(steps[int(x)])}: {y:.2f}</title></circle>'
                  f'<text class="value" text-anchor="middle" x="{frame.x(x):.1f}" y="{frame.y(y) - 7:.1f}">{y:.1f}</text>'
                  for x, y in line]
    return svg(width, height, parts, y_label) + legend(list(points))


def bar_chart(values: Mapping[str, float], notes: Mapping[str, str], *, width: int = 1100, label_width: int = 210) -> str:
    """Horizontal bars; notes: name -> text written after the bar, with the unit."""
    shown = {name: value for name, value in values.items() if math.isfinite(value)}
    if not shown:
        return ""
    row, character = 26, 7  # pixels; the widest note decides how long a bar may be
    right = 16 + character * max((len(notes.get(name, "")) for name in shown), default=0)
    longest = max(shown.values()) or 1
    parts = []
    for i, ((name, value), color) in enumerate(zip(shown.items(), cycle_colors(len(shown)))):
        length = max(value / longest * (width - label_width - right), 1)
        y = i * row
        parts.append(f'<text class="label" text-anchor="end" x="{label_width - 8}" y="{y + 17}">{html_text(name)}</text>'
                     f'<rect x="{label_width}" y="{y + 4}" width="{length:.1f}" height="{row - 8}" rx="3" fill="{color}"/>'
                     f'<text class="label" x="{label_width + length + 8:.1f}" y="{y + 17}">{html_text(notes.get(name, ""))}</text>')
    return svg(width, row * len(shown), parts, "bar chart")


def polyline(frame: Frame, points: Sequence[Point], color: str, name: str) -> str:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    return f'<polyline points="{path}" stroke="{color}"><title>{html_text(name)}</title></polyline>'


def y_axis(frame: Frame, label: str) -> str:
    """Grid lines with their values, and the axis' name."""
    parts = []
    for value in log_ticks(frame.y_range) if frame.log_y else ticks(frame.y_range, 5):
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{frame.left}" x2="{frame.width - frame.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text class="tick" text-anchor="end" x="{frame.left - 6}" y="{y + 4:.1f}">{value:g}</text>')
    middle = (frame.top + frame.height - frame.bottom) / 2
    parts.append(f'<text class="tick" text-anchor="middle" transform="translate(12 {middle:.0f}) rotate(-90)">'
                 f"{html_text(label)}</text>")
    return "".join(parts)


def x_axis(frame: Frame, label: str) -> str:
    y = frame.height - frame.bottom + 14
    parts = [f'<text class="tick" text-anchor="middle" x="{frame.x(v):.1f}" y="{y}">{v:g}</text>' for v in ticks(frame.x_range, 8)]
    parts.append(f'<text class="tick" text-anchor="end" x="{frame.width - frame.right}" y="{y + 16}">{html_text(label)}</text>')
    return "".join(parts)


def legend(names: Sequence[str]) -> str:
    colors = cycle_colors(len(names))
    items = [f'<span><i style="background:{color}"></i>{html_text(name)}</span>' for name, color in zip(names, colors)]
    return f'<p class="legend">{"".join(items)}</p>'


def svg(width: int, height: int, parts: Sequence[str], label: str) -> str:
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html_text(label)}" style="max-width:{width}px">'
    return f"{head}{''.join(parts)}</svg>"


def cycle_colors(count: int) -> list[str]:
    return [PALETTE[i % len(PALETTE)] for i in range(count)]


def thin(points: Sequence[Point]) -> list[Point]:
    """At most MAX_POINTS points: means of equal runs of neighbours."""
    run = -(-len(points) // MAX_POINTS)
    if run <= 1:
        return list(points)
    groups = [points[i:i + run] for i in range(0, len(points), run)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def nice_range(values: Sequence[float], min_span: float = 0.0) -> tuple[float, float]:
    """The values' range with some air, widened to round figures and to at least `min_span`."""
    low, high = min(values), max(values)
    air = max(0.12 * (high - low), (min_span - (high - low)) / 2)
    if air < 1e-6 * max(abs(low), abs(high)) or air == 0:  # one value, give or take rounding
        air = 0.1 * abs(high) or 1.0
    step = nice_step(high - low + 2 * air, 5)
    bottom = math.floor((low - air) / step) * step
    return (max(bottom, 0.0) if low >= 0 else bottom), math.ceil((high + air) / step) * step


def log_range(values: Sequence[float]) -> tuple[float, float]:
    return 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))


def log_ticks(bounds: tuple[float, float]) -> list[float]:
    return [10.0 ** e for e in range(round(math.log10(bounds[0])), round(math.log10(bounds[1])) + 1)]


def ticks(bounds: tuple[float, float], count: int) -> list[float]:
    """Round figures inside `bounds`, about `count` of them."""
    low, high = bounds
    step = nice_step(high - low, count)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def nice_step(span: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, so that `count` steps span about `span`."""
    raw = (span or 1.0) / count
    power = 10 ** math.floor(math.log10(raw))
    return next((m * power for m in (1, 2, 5) if raw <= m * power * 1.0001), 10 * power)
