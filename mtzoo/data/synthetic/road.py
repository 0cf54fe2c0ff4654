"""The road: its course, its lanes, what lies beside it. Lateral positions d are metres right of the reference line
that parts the two directions of traffic; s is metres ahead."""

from dataclasses import dataclass
from random import Random

import numpy as np

CURVE_END = 90.0  # the road goes on straight from there
KINDS = ("urban", "suburban", "highway", "rural")


@dataclass(frozen=True)
class Line:
    """Lane paint at lateral position d. pieces: (s1, s2, dashed); dash, gap in metres; yellow or white; wear 0..1."""

    d: float
    width: float
    pieces: tuple[tuple[float, float, bool], ...]
    dash: float
    gap: float
    phase: float
    yellow: bool
    wear: float


@dataclass(frozen=True)
class Road:
    """One scene's road.

    course: lateral offset of the ego vehicle, slope and curvature (1/m); lanes, oncoming: centres d of the lanes of
    each direction; left, right: d of the road's edges; median: (d1, d2) or None; curbs: d of raised curbs' road sides;
    pavement: width of the sidewalks (0: none); verge: d beyond which buildings may stand, from each edge; parking:
    centres d of parking strips; crossing: (s1, s2) of a cross street or None; zebra: (s1, s2) of a crosswalk or None.
    """

    kind: str
    ego_d: float
    slope: float
    curvature: float
    lane_width: float
    lanes: tuple[float, ...]
    oncoming: tuple[float, ...]
    left: float
    right: float
    median: tuple[float, float] | None
    curbs: bool
    pavement: float
    verge: float
    parking: tuple[float, ...]
    crossing: tuple[float, float] | None
    zebra: tuple[float, float] | None
    lines: tuple[Line, ...]

    def x(self, d: float | np.ndarray, s: float | np.ndarray) -> np.ndarray:
        """World x of lateral position d at s metres ahead."""
        bend = np.minimum(s, CURVE_END)
        curve = 0.5 * self.curvature * bend * bend + self.curvature * CURVE_END * np.maximum(s - CURVE_END, 0)
        return d - self.ego_d + self.slope * s + curve

    def heading(self, s: float) -> float:
        """Heading of the road at s, radians, positive to the right."""
        return float(np.arctan(self.slope + self.curvature * min(s, CURVE_END)))

    def point(self, d: float, s: float, y: float = 0.0) -> np.ndarray:
        """(3,) world."""
        return np.array((float(self.x(d, s)), y, s))

    def strip(self, d1: float, d2: float, s1: float, s2: float, y: float = 0.0) -> np.ndarray:
        """(n, 3) outline of the strip between two lateral positions, following the course."""
        count = 2 if abs(self.curvature) < 1e-5 else int(np.clip((s2 - s1) / 3, 2, 28))
        s = s1 * (s2 / s1) ** np.linspace(0, 1, count) if s1 > 0.5 else np.linspace(s1, s2, count)
        sides = [np.stack((self.x(d, s), np.full_like(s, y), s), -1) for d in (d1, d2)]
        return np.concatenate((sides[0], sides[1][::-1]))

    def in_crossing(self, s: float, margin: float = 0.0) -> bool:
        """Whether s lies in the cross street (or nearer than `margin` to it)."""
        return self.crossing is not None and self.crossing[0] - margin < s < self.crossing[1] + margin


def _pieces(rng: Random, dashed: bool, crossing: tuple[float, float] | None) -> tuple[tuple[float, float, bool], ...]:
    """A line from here to 100 m; solid before a crossing, none in it."""
    if crossing is None:
        return ((0.8, 100.0, dashed),)
    stop, after = crossing[0] - 4.0, crossing[1] + 4.0
    solid_from = max(0.8, stop - rng.uniform(10, 25)) if dashed else stop
    pieces = [(0.8, solid_from, dashed), (solid_from, stop, False), (after, 100.0, dashed)]
    return tuple(p for p in pieces if p[1] - p[0] > 0.5)


def _lines(rng: Random, kind: str, bounds: dict, crossing: tuple[float, float] | None) -> tuple[Line, ...]:
    yellow_centre = rng.random() < 0.4
    width = rng.uniform(0.10, 0.16) * (1.25 if kind == "highway" else 1)
    dash = rng.choice((1.5, 3.0, 3.0, 4.0, 6.0))
    gap = dash * rng.choice((1.0, 1.5, 2.0, 3.0)) if dash < 5 else 9.0
    wear = rng.uniform(0, 0.45)
    phase = rng.uniform(0, dash + gap)

    def line(d: float, dashed: bool, yellow: bool = False) -> Line:
        return Line(d, width, _pieces(rng, dashed, crossing), dash, gap, phase, yellow, wear)

    lines = [line(d, True) for d in bounds["between"]]
    if bounds["centre"] is not None:
        d, style = bounds["centre"], rng.random()
        if style < 0.4:
            lines += [line(d - width, False, yellow_centre), line(d + width, False, yellow_centre)]
        elif style < 0.55:
            lines += [line(d - width, False, yellow_centre), line(d + width, True, yellow_centre)]
        else:
            lines.append(line(d, style > 0.68, yellow_centre))
    if rng.random() < (0.45 if kind in ("urban", "suburban") else 0.95):
        lines += [line(d, False, yellow_centre and i == 1) for i, d in enumerate(bounds["edges"])]
    return tuple(lines) if rng.random() < 0.95 else ()


def sample_road(rng: Random) -> Road:
    """A road of one of the four kinds."""
    kind = rng.choices(KINDS, (0.48, 0.2, 0.18, 0.14))[0]
    width = rng.uniform(3.4, 3.8) if kind == "highway" else rng.uniform(2.9, 3.5)
    same = {"urban": rng.choice((1, 1, 2, 2, 3)), "highway": rng.choice((2, 3, 3, 4))}.get(kind, 1)
    opposite = {"urban": rng.choice((0, 1, 1, 2, 3)), "highway": rng.choice((2, 3))}.get(kind, 1)
    median = kind == "highway" or (kind == "urban" and opposite > 1 and rng.random() < 0.35)
    gap = rng.uniform(1.6, 4.0) if median else 0.0
    start = gap / 2
    lanes = tuple(start + (i + 0.5) * width for i in range(same))
    oncoming = tuple(-start - (i + 0.5) * width for i in range(opposite))
    town = kind in ("urban", "suburban")
    shoulder = [rng.choice((0.3, 0.4, 2.2, 2.4)) if town else rng.uniform(0.5, 2.8) for _ in range(2)]
    right = start + same * width + shoulder[0]
    left = -start - opposite * width - shoulder[1]
    parking = tuple(d for d, s in ((right - shoulder[0] / 2, shoulder[0]), (left + shoulder[1] / 2, shoulder[1]))
                    if town and s > 2)
    straight = rng.random() < 0.4
    curvature = 0.0 if straight else rng.choice((-1, 1)) / rng.uniform(120 if town else 200, 900)
    crossing = None
    if town and abs(curvature) < 1 / 350 and rng.random() < 0.5:
        begin = rng.uniform(11, 45)
        crossing = (begin, begin + rng.uniform(7, 14))
    zebra = (crossing[0] - 3.6, crossing[0] - 0.8) if crossing and rng.random() < 0.75 else None
    if crossing is None and town and rng.random() < 0.15:
        begin = rng.uniform(9, 35)
        zebra = (begin, begin + 2.8)
    between = [start + i * width for i in range(1, same)] + [-start - i * width for i in range(1, opposite)]
    edges = [start + same * width + 0.1, -start - opposite * width - 0.1]
    if median:
        edges += [start - 0.1, -start + 0.1]
    bounds = {"between": between, "centre": 0.0 if opposite and not median else None, "edges": edges}
    ego_lane = rng.randrange(same)
    return Road(
        kind, lanes[ego_lane] + rng.gauss(0, 0.25), rng.gauss(0, 0.02), curvature, width, lanes, oncoming, left, right,
        (-start, start) if median else None, town and rng.random() < 0.93, rng.uniform(1.6, 4.5) if town else 0.0,
        rng.uniform(1, 3) if kind == "urban" else rng.uniform(4, 9), parking, crossing, zebra,
        _lines(rng, kind, bounds, crossing))
