"""What stands where beside the road: buildings in rows, trees, lamps, fences, signs, traffic lights, clutter."""

from dataclasses import replace
from random import Random

import numpy as np

from mtzoo.data.synthetic.ground import CURB_HEIGHT
from mtzoo.data.synthetic.light import Light
from mtzoo.data.synthetic.road import Road
from mtzoo.data.synthetic.roadside import Clutter, Fence, LampPost, Surfaces
from mtzoo.data.synthetic.signs import Sign, TrafficLight, designs, sample_traffic_light
from mtzoo.data.synthetic.street import Building, Tree, sample_building, sample_tree
from mtzoo.data.synthetic.textures import ANY_TREE, BUSH, STREET_TREES

Thing = Building | Tree | LampPost | Fence | Sign | TrafficLight | Clutter
SIDES = (-1, 1)
FENCE_PIECE = 3.0  # metres; short, so that each piece finds its place among what stands on both sides of it


def place_furniture(rng: Random, road: Road, light: Light, surfaces: Surfaces) -> list[Thing]:
    """Everything that does not move."""
    out: list[Thing] = []
    town = road.kind in ("urban", "suburban")
    for side in SIDES:
        if town:
            out += _buildings(rng, road, side, surfaces)
        out += _trees(rng, road, side, surfaces)
        out += _fences(rng, road, side, surfaces)
        out += _clutter(rng, road, side, surfaces)
    out += _lamp_posts(rng, road, surfaces)
    out += _signs(rng, road)
    out += _traffic_lights(rng, road)
    return out


def _edge(road: Road, side: int) -> float:
    return road.right if side > 0 else road.left


def _place(road: Road, d: float, s: float) -> tuple[float, float]:
    return float(road.x(d, s)), float(s)


def _buildings(rng: Random, road: Road, side: int, surfaces: Surfaces) -> list[Building]:
    out: list[Building] = []
    low = road.kind == "suburban"
    d = _edge(road, side) + side * (road.pavement + road.verge)
    s = rng.uniform(0.8, 6.0)
    while s < 105:
        length = rng.uniform(8, 14) if low else rng.uniform(9, 25)
        gap = rng.uniform(4, 14) if low else rng.choice((0.0, 0.0, 0.0, 3.0, 9.0))
        end = s + length
        if road.crossing and s < road.crossing[1] + 3 and end > road.crossing[0] - 3:
            if s < road.crossing[0] - 9:
                end = road.crossing[0] - 3
            else:
                s = road.crossing[1] + 3
                continue
        if rng.random() < 0.92:
            back = side * rng.choice((0.0, 0.0, 1.5))
            here = sample_building(rng, surfaces, _place(road, d + back, s), _place(road, d + back, end), low)
            if out and out[-1].far == here.near and out[-1].height >= here.height and abs(here.depth) <= abs(
                    out[-1].depth):
                here = replace(here, end_wall=False)
            out.append(here)
        s = end + gap
    return out


def _trees(rng: Random, road: Road, side: int, surfaces: Surfaces) -> list[Thing]:
    out: list[Thing] = []
    edge = _edge(road, side)
    open_land = road.kind in ("highway", "rural")
    step = rng.uniform(7, 18)
    if rng.random() < (0.55 if road.kind == "urban" else 0.8):
        d = edge + side * (road.pavement * 0.25 + 0.5 if road.pavement else rng.uniform(2.5, 6))
        row = np.arange(rng.uniform(6, 14), 90, step)
        out += [sample_tree(rng, surfaces, *_place(road, d + rng.gauss(0, 0.2), s), STREET_TREES)
                for s in row.tolist() if rng.random() < 0.8 and not road.in_crossing(s, 4.0)]
    if open_land or road.kind == "suburban":
        for _ in range(rng.randint(6, 18) if open_land else rng.randint(2, 8)):
            s = rng.uniform(10, 150)
            d = edge + side * (road.pavement + rng.uniform(4.5, 45 if open_land else 6))
            out.append(sample_tree(rng, surfaces, *_place(road, d, s), BUSH if rng.random() < 0.45 else ANY_TREE))
    elif rng.random() < 0.3:  # a hedge
        d = edge + side * (road.pavement + 0.6)
        out += [sample_tree(rng, surfaces, *_place(road, d, s), BUSH) for s in np.arange(5, 60, 1.6).tolist()
                if not road.in_crossing(s, 3.0)]
    return out


def _fences(rng: Random, road: Road, side: int, surfaces: Surfaces) -> list[Thing]:
    grey = rng.uniform(120, 180)
    steel = (grey, grey, grey * 0.97)
    wood = tuple(rng.uniform(0.7, 1.3) * c for c in rng.choice(((60, 90, 125), (185, 190, 190), (70, 80, 60))))
    out: list[Thing] = []

    def run(d: float, kind: str, height: float, albedo: tuple, s1: float, s2: float, ground: float = 0.0) -> None:
        cuts = [*np.arange(s1, min(s2, 30), FENCE_PIECE).tolist(), *np.arange(max(s1, 30), s2, 2 * FENCE_PIECE).tolist(), s2]
        ends = [(a, b) for a, b in zip(cuts, cuts[1:]) if b - a > 0.2]
        out.extend(Fence(surfaces, kind, _place(road, d, a), _place(road, d, b), height, albedo, ground)
                   for a, b in ends if not (road.in_crossing(a, 2.5) or road.in_crossing(b, 2.5)))

    edge, curb = _edge(road, side), CURB_HEIGHT if road.curbs else 0.0
    if road.kind in ("highway", "rural") and rng.random() < (0.75 if road.kind == "highway" else 0.4):
        run(edge + side * 0.7, "guardrail", 0.78, steel, rng.uniform(1.5, 8), rng.uniform(60, 120))
    elif road.kind == "suburban" and rng.random() < 0.75:
        kind = rng.choice(("panel", "picket", "picket", "rails"))
        begin = rng.uniform(2, 15)
        run(edge + side * (road.pavement + 0.5), kind, rng.uniform(0.9, 1.9), wood, begin, begin + rng.uniform(15, 60))
    elif road.kind == "urban" and rng.random() < 0.4:
        kind = rng.choice(("rails", "rails", "panel", "picket"))
        begin = rng.uniform(2, 25)
        near = kind == "rails"
        d = edge + side * (0.3 if near else road.pavement + 0.4)
        run(d, kind, 1.05 if near else rng.uniform(1.5, 2.2), steel if near else wood, begin,
            begin + rng.uniform(9, 45), curb)
    if side > 0 and road.median and rng.random() < 0.8:
        kind = rng.choice(("guardrail", "barrier", "barrier", "rails"))
        run(sum(road.median) / 2, kind, 0.85, steel, 1.5, 110.0)
    return out


def _clutter(rng: Random, road: Road, side: int, surfaces: Surfaces) -> list[Thing]:
    out: list[Thing] = []
    if not road.pavement:
        return out
    edge, curb = _edge(road, side), CURB_HEIGHT if road.curbs else 0.0
    for _ in range(rng.randint(0, 4)):
        s = rng.uniform(4, 40)
        if road.in_crossing(s, 1.0):
            continue
        kind = rng.choice(("bin", "box"))
        albedo = tuple(rng.uniform(40, 190) for _ in range(3))
        d = edge + side * rng.uniform(0.6, road.pavement)
        out.append(Clutter(surfaces, kind, albedo, *_place(road, d, s), curb))
    if rng.random() < 0.2:
        begin = rng.uniform(4, 20)
        for k in range(rng.randint(3, 9)):
            s = begin + 1.6 * k
            if not road.in_crossing(s, 1.0):
                out.append(Clutter(surfaces, "bollard", (70, 72, 76), *_place(road, edge + side * 0.35, s), curb))
    if rng.random() < 0.12:
        begin = rng.uniform(7, 30)
        out += [Clutter(surfaces, "cone", (0, 0, 0), *_place(road, edge - side * (0.3 + 0.2 * k), begin + 2 * k), 0.0)
                for k in range(rng.randint(2, 6))]
    return out


def _lamp_posts(rng: Random, road: Road, surfaces: Surfaces) -> list[Thing]:
    out: list[Thing] = []
    height, step = rng.uniform(6.5, 10), rng.uniform(20, 34)
    albedo = rng.choice(((120, 122, 122), (70, 74, 74), (60, 80, 60), (150, 152, 150)))
    if rng.random() < (0.3 if road.kind == "rural" else 0.8):
        sides = rng.choice(((-1, 1), (1,), (-1,)))
        for side in sides:
            d = _edge(road, side) + side * 0.6
            for s in np.arange(rng.uniform(6, 24), 110, step):
                if not road.in_crossing(float(s), 1.0):
                    arm = -side * min(1.8, height * 0.2)
                    out.append(LampPost(surfaces, height, 0.08, arm, albedo, *_place(road, d, float(s)), None))
    if rng.random() < (0.45 if road.kind in ("rural", "suburban") else 0.15):
        side = rng.choice(SIDES)
        d = _edge(road, side) + side * (road.pavement + 0.9)
        stations = np.arange(rng.uniform(5, 20), 120, 26.0)
        places = [_place(road, d, float(s)) for s in stations]
        for here, there in zip(places, places[1:] + [None]):
            out.append(LampPost(surfaces, 8.0, 0.12, 0.0, (60, 78, 92), *here, there))
    return out


def _signs(rng: Random, road: Road) -> list[Thing]:
    out: list[Thing] = []
    curb = CURB_HEIGHT if road.curbs else 0.0
    big = road.kind == "highway"
    for _ in range(rng.choice((0, 1, 2, 2, 3, 4, 5))):
        side = rng.choice((-1, 1, 1, 1))
        s = rng.uniform(6, 22) if rng.random() < 0.5 else rng.uniform(10, 55)
        if road.in_crossing(s, 0.5):
            continue
        d = _edge(road, side) + side * rng.uniform(0.35, 0.8)
        size = rng.uniform(0.8, 1.25) if big else rng.uniform(0.55, 0.85)
        plates = tuple(rng.randrange(len(designs())) for _ in range(rng.choice((1, 1, 1, 2))))
        height = rng.uniform(2.0, 2.7) + size / 2 + (len(plates) - 1) * size
        arm = -side * rng.uniform(1.0, 2.5) if rng.random() < 0.08 else 0.0
        out.append(Sign(plates, size, height + (2.0 if arm else 0.0), *_place(road, d, s), rng.gauss(0, 0.2), arm, curb))
    return out


def _traffic_lights(rng: Random, road: Road) -> list[Thing]:
    if not (road.crossing or road.zebra) or rng.random() < 0.15:
        return []
    out: list[Thing] = []
    curb = CURB_HEIGHT if road.curbs else 0.0
    lit = rng.choice(((0,), (0,), (1,), (2,), (2,), (0, 1), ()))
    near = (road.crossing or road.zebra)[0] - rng.uniform(2.5, 5)
    stations = [(near, 1)]
    if rng.random() < 0.6:
        stations.append((near, -1))
    if road.crossing and rng.random() < 0.7:
        stations += [(road.crossing[1] + 2.5, 1), (road.crossing[1] + 2.5, -1)]
    for s, side in stations:
        if s < 4:
            continue
        d = _edge(road, side) + side * 0.45
        reach = -side * rng.uniform(2.2, 4.5) if rng.random() < 0.4 else 0.0
        out.append(TrafficLight(*sample_traffic_light(rng, lit, reach), *_place(road, d, s), curb))
    return out
