"""Everything flat: verges, pavements, road, lane paint, curbs, in their albedo (see ground_light)."""

from dataclasses import dataclass
from random import Random

import numpy as np

from mtzoo.data.synthetic.camera import NEAR, clip_near
from mtzoo.data.synthetic.light import Light
from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.road import Line, Road

FAR = 420.0
PAINT_END = 90.0  # lane paint farther away is thinner than a pixel: neither painted nor labelled
CURB_HEIGHT = 0.12


@dataclass(frozen=True)
class GroundSurfaces:
    """Surface numbers of the flat things."""

    grass: int
    paving: int
    road: int
    marking: int
    solid: int
    dashed: int
    curb: int


def register_grounds(painter: Painter) -> GroundSurfaces:
    """Register the surfaces: seg and lane classes of everything flat."""
    road, sidewalk = 3, 4
    return GroundSurfaces(
        grass=painter.surface(5), paving=painter.surface(sidewalk), road=painter.surface(road),
        marking=painter.surface(road), solid=painter.surface(road, 1), dashed=painter.surface(road, 2),
        curb=painter.surface(sidewalk, 3))


def paint_ground(painter: Painter, road: Road, ids: GroundSurfaces, rng: Random) -> None:
    """The flat albedo; light, shadow, texture and haze come later (`light_ground`)."""
    grass = rng.choice(((60, 105, 88), (55, 95, 105), (70, 120, 125), (62, 98, 72)))
    grey = rng.uniform(72, 122)
    asphalt = (grey * rng.uniform(0.96, 1.05), grey, grey * rng.uniform(0.95, 1.04))
    slab = rng.uniform(120, 178)
    slabs = (slab * rng.uniform(0.84, 1.0), slab * rng.uniform(0.93, 1.0), slab)
    urban = road.kind == "urban"
    _flat(painter, np.array([(-900, 0, 0.8), (900, 0, 0.8), (900, 0, 2000), (-900, 0, 2000)], float), grass, ids.grass)
    curb = CURB_HEIGHT if road.curbs else 0.0
    for edge, side in ((road.left, -1), (road.right, 1)):
        if road.pavement:
            outer = edge + side * (road.pavement + (road.verge + 40 if urban else 0))
            _flat(painter, road.strip(edge, outer, 0.7, FAR, curb), slabs, ids.paving)
        else:
            gravel = tuple(0.5 * (a + b) for a, b in zip(grass, (120, 135, 150)))
            _flat(painter, road.strip(edge, edge + side * 0.8, 0.7, FAR), gravel, ids.grass)
    _flat(painter, road.strip(road.left, road.right, 0.7, FAR), asphalt, ids.road)
    if road.crossing:
        s1, s2 = road.crossing
        middle = float(road.x(0, s1))
        cross = np.array([(middle - 150, 0, s1), (middle + 150, 0, s1), (middle + 150, 0, s2), (middle - 150, 0, s2)])
        _flat(painter, cross, asphalt, ids.road)
    if rng.random() < 0.5:  # worn wheel tracks
        wear = rng.uniform(0.9, 1.06)
        track = tuple(c * wear for c in asphalt)
        for lane in road.lanes + road.oncoming:
            for offset in (-0.85, 0.85):
                _flat(painter, road.strip(lane + offset - 0.3, lane + offset + 0.3, 0.7, 120), track, ids.road)
    if road.median:
        green = rng.random() < 0.5
        _flat(painter, road.strip(*road.median, 0.7, FAR), grass if green else slabs, ids.grass if green else ids.paving)
    for line in road.lines:
        _lane_line(painter, road, line, asphalt, ids)
    _markings(painter, road, asphalt, ids, rng)
    if road.curbs:
        _curbs(painter, road, ids, rng, tuple(min(255.0, c * 1.12) for c in slabs))


def _flat(painter: Painter, outline: np.ndarray, albedo: tuple, surface: int) -> None:
    """Fill with the albedo in the tint of the light; `light_ground` does the rest."""
    points = clip_near(outline)
    if len(points) > 2:
        painter.fill([painter.camera.project(points)], _tinted(painter, albedo), surface)


def _tinted(painter: Painter, albedo: tuple) -> tuple:
    return tuple(a * t for a, t in zip(albedo, daylight(painter.light)[0]))


def daylight(light: Light) -> tuple[tuple[float, float, float], float]:
    """What falls on flat ground without headlights: tint per channel (at most 1) and level."""
    gains = [a + s * light.sun_dir[1] for a, s in zip(light.ambient, light.sun)]
    level = max(gains)
    return tuple(g / level for g in gains), level


def _paint(line_yellow: bool, wear: float, asphalt: tuple) -> tuple:
    fresh = (70, 190, 230) if line_yellow else (228, 232, 232)
    return tuple(p + (a - p) * wear for p, a in zip(fresh, asphalt))


def _lane_line(painter: Painter, road: Road, line: Line, asphalt: tuple, ids: GroundSurfaces) -> None:
    albedo = _paint(line.yellow, line.wear, asphalt)
    d1, d2 = line.d - line.width / 2, line.d + line.width / 2
    for s1, s2, dashed in line.pieces:
        s2 = min(s2, PAINT_END)
        if not dashed:
            if s2 > s1:
                _flat(painter, road.strip(d1, d2, s1, s2), albedo, ids.solid)
            continue
        period = line.dash + line.gap
        starts = np.arange(s1 - line.phase, s2, period)
        begins, ends = np.maximum(starts, s1), np.minimum(starts + line.dash, s2)
        keep = (ends - begins > 0.2) & (begins > NEAR)
        corners = [(road.x(d, s), s) for d, s in ((d1, begins), (d2, begins), (d2, ends), (d1, ends))]
        quads = np.array([(x, np.zeros_like(s), s) for x, s in corners]).transpose(2, 0, 1)[keep]  # (n, 4, 3)
        if len(quads):
            outlines = painter.camera.project(quads).reshape(-1, 2)
            colour = _tinted(painter, albedo)
            painter.convex(outlines, [4] * len(quads), [colour] * len(quads), [ids.dashed] * len(quads))


def _markings(painter: Painter, road: Road, asphalt: tuple, ids: GroundSurfaces, rng: Random) -> None:
    """Paint that is no lane line: stop line, crosswalk, arrows, manholes. Lane class background."""
    white = _paint(False, rng.uniform(0, 0.4), asphalt)
    if road.zebra:
        s1, s2 = road.zebra
        for d in np.arange(road.left + 0.3, road.right - 0.5, 1.0):
            _flat(painter, road.strip(d, d + 0.5, s1, s2), white, ids.marking)
    if road.crossing and rng.random() < 0.8:
        s = road.crossing[0] - 4.6
        d1 = road.median[1] if road.median else 0.1 if road.oncoming else road.left + 0.3
        _flat(painter, road.strip(d1, road.lanes[-1] + road.lane_width / 2, s, s + 0.4), white, ids.marking)
    if len(road.lanes) > 1 and rng.random() < 0.4:
        s = rng.uniform(6, 30)
        for lane in road.lanes:
            _flat(painter, road.strip(lane - 0.08, lane + 0.08, s, s + 2.4), white, ids.marking)
            head = np.array([(road.x(lane + o, s + t), 0, s + t) for o, t in ((-.32, 2.4), (.32, 2.4), (0, 4.0))])
            _flat(painter, head, white, ids.marking)
    for _ in range(rng.randint(0, 4)):
        s, d = rng.uniform(5, 40), rng.uniform(road.left + 0.5, road.right - 0.5)
        angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        centre = road.point(d, s)
        disc = centre + np.stack((0.33 * np.cos(angle), 0 * angle, 0.33 * np.sin(angle)), -1)
        _flat(painter, disc, tuple(c * 0.55 for c in asphalt), ids.road)


def _curbs(painter: Painter, road: Road, ids: GroundSurfaces, rng: Random, albedo: tuple) -> None:
    """The raised edge: its face towards the road and its top, of lane class curb up to PAINT_END."""
    bands = rng.random() < 0.12
    breaks = [(0.7, FAR)]
    if road.crossing:
        breaks = [(0.7, road.crossing[0] - 1.5), (road.crossing[1] + 1.5, FAR)]
    edges = [(road.left, -1), (road.right, 1)]
    if road.median:
        edges += [(road.median[0], 1), (road.median[1], -1)]
    for edge, side in edges:
        for s1, s2 in breaks:
            for begin, end, surface in ((s1, min(s2, PAINT_END), ids.curb), (max(s1, PAINT_END), s2, ids.paving)):
                if end - begin < 0.3:
                    continue
                face = _curb_face(road, edge, begin, end)
                dark = tuple(0.72 * c for c in albedo)
                _flat(painter, road.strip(edge, edge + side * 0.16, begin, end, CURB_HEIGHT), albedo, surface)
                _flat(painter, face, dark, surface)
            if bands:
                paint = rng.choice(((60, 60, 190), (60, 190, 225)))
                for s in np.arange(max(s1, 2.0), min(s2, 50.0), 2.0):
                    _flat(painter, _curb_face(road, edge, float(s), float(s) + 1.0), paint, ids.curb)


def _curb_face(road: Road, edge: float, s1: float, s2: float) -> np.ndarray:
    low = road.strip(edge, edge, s1, s2)
    half = len(low) // 2
    high = low[half:].copy()
    high[:, 1] = CURB_HEIGHT
    return np.concatenate((low[:half], high))
