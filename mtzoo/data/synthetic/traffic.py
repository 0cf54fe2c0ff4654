"""Who is on the road and where: vehicles in lanes, parked, crossing; people and cyclists."""

from collections.abc import Callable
from dataclasses import replace
from math import pi
from random import Random

from mtzoo.data.synthetic.figures import Figure
from mtzoo.data.synthetic.ground import CURB_HEIGHT
from mtzoo.data.synthetic.light import Light
from mtzoo.data.synthetic.people import sample_cyclist, sample_person
from mtzoo.data.synthetic.road import Road
from mtzoo.data.synthetic.vehicles import Vehicle

FARTHEST = 75.0  # metres


def place_vehicles(rng: Random, road: Road, light: Light) -> list[Vehicle]:
    """Vehicles of the ego's direction show rears, oncoming ones fronts; parked and crossing ones too."""
    dense = rng.choice((0.3, 0.6, 1.0, 1.4))
    spacing = (26.0 if road.kind == "highway" else 18.0) / dense
    out = []
    for lanes, turn, nearest in ((road.lanes, 0.0, 5.0), (road.oncoming, pi, 4.0)):
        for d in lanes:
            own = abs(d - road.ego_d) < 1.2
            s = rng.uniform(9.0 if own else nearest, 26.0) + rng.expovariate(1 / spacing) * 0.5
            while s < FARTHEST:
                vehicle = Vehicle.sample(rng, light.lamps_on)
                half = vehicle.shape.size[0] / 2
                s += half
                if not road.in_crossing(s, 2.0):
                    out.append(_along(rng, road, vehicle, d + rng.gauss(0, 0.2), s, turn))
                s += half + 2.5 + rng.expovariate(1 / spacing)
    for d in road.parking:
        out += _parked(rng, road, d)
    if road.crossing and rng.random() < 0.6:
        out += _crossing(rng, road, light)
    return out


def _along(rng: Random, road: Road, vehicle: Vehicle, d: float, s: float, turn: float) -> Vehicle:
    yaw = road.heading(s) + turn + rng.gauss(0, 0.02)
    return replace(vehicle, x=float(road.x(d, s)), z=s, yaw=yaw)


def _parked(rng: Random, road: Road, d: float) -> list[Vehicle]:
    out, s, chance = [], rng.uniform(4.0, 12.0), rng.uniform(0.2, 0.9)
    turn = 0.0 if d > 0 or not road.oncoming else pi
    while s < 70:
        vehicle = Vehicle.sample(rng, lamps_on=False)
        half = vehicle.shape.size[0] / 2
        s += half
        if half < 3.4 and rng.random() < chance and not road.in_crossing(s, 7.0):
            style = replace(vehicle.style, lamps_on=False, braking=False, turning=0)
            other = pi if rng.random() < 0.08 else 0.0
            out.append(_along(rng, road, replace(vehicle, style=style), d, s, turn + other))
        s += half + rng.uniform(0.7, 2.5)
    return out


def _crossing(rng: Random, road: Road, light: Light) -> list[Vehicle]:
    """Vehicles on the cross street: seen from the side, or turning."""
    s1, s2 = road.crossing
    out, x = [], rng.uniform(-30, -4)
    while x < 30:
        vehicle = Vehicle.sample(rng, light.lamps_on)
        half = vehicle.shape.size[0] / 2
        right = rng.random() < 0.5
        z = s1 + (s2 - s1) * (0.27 if right else 0.73)
        yaw = (pi / 2 if right else -pi / 2) + rng.gauss(0, 0.12)
        x += half
        if z - 2 > 6 and vehicle.shape.size[0] < 9 and all(abs(v.x - x) > half + v.shape.size[0] / 2 + 1 for v in out):
            out.append(replace(vehicle, x=x, z=z, yaw=yaw))
        x += half + rng.uniform(2, 18)
    return out


def place_figures(rng: Random, road: Road, light: Light, vehicles: list[Vehicle]) -> list[Figure]:
    """People on pavements, crosswalks and verges, cyclists at the edges, none inside a vehicle."""
    out: list[Figure] = []
    boxes = [v.footprint() for v in vehicles]
    busy = rng.choice((0.3, 1.0, 1.0, 2.0)) if road.pavement else 0.25
    if road.kind == "highway":
        busy = 0.04

    def add(figure: Figure, d: float, s: float, turn: float, ground: float) -> None:
        x = float(road.x(d, s))
        own = figure.width / 2 + 0.15
        clear = all(x + own < a or x - own > b or s + own < c or s - own > e for a, b, c, e in boxes)
        if clear and all(abs(f.x - x) + abs(f.z - s) > 0.5 for f in out) and s > 2.2:
            out.append(replace(figure, x=x, z=s, yaw=road.heading(s) + turn, ground=ground))

    curb = CURB_HEIGHT if road.curbs else 0.0
    for _ in range(round(busy * rng.uniform(2, 9))):
        side = rng.choice((-1, 1))
        edge = road.right if side > 0 else road.left
        d = edge + side * (rng.uniform(0.4, max(road.pavement, 1.2)) if road.pavement else rng.uniform(0.3, 1.5))
        s = rng.uniform(4, 18) if rng.random() < 0.4 else rng.uniform(8, 60)
        turn = rng.choice((0.0, pi)) + rng.gauss(0, 0.35) if rng.random() < 0.8 else rng.uniform(0, 2 * pi)
        for k in range(rng.choice((1, 1, 1, 2, 3))):
            if not road.in_crossing(s, 1.0):
                add(sample_person(rng, light.rain > 0), d + k * rng.uniform(-0.7, 0.7), s + rng.uniform(-.6, .6), turn,
                    curb)
    if road.zebra or rng.random() < 0.25:
        s1, s2 = road.zebra or (lambda s: (s, s + 2.0))(rng.uniform(8, 35))
        for _ in range(rng.randint(0, 6) if road.zebra else 1):
            turn = rng.choice((-1, 1)) * pi / 2 + rng.gauss(0, 0.2)
            add(sample_person(rng, light.rain > 0), rng.uniform(road.left, road.right), rng.uniform(s1, s2), turn, 0.0)
    _cyclists(rng, road, add)
    return out


def _cyclists(rng: Random, road: Road, add: Callable[[Figure, float, float, float, float], None]) -> None:
    if road.kind == "highway":
        return
    edges = [(road.right - 0.6, 0.0)] + ([(road.left + 0.6, pi)] if road.oncoming else [])
    inner = [(d + road.lane_width * 0.3, 0.0) for d in road.lanes[-1:]] + [
        (d - road.lane_width * 0.3, pi) for d in road.oncoming[-1:]]
    for _ in range(rng.choice((0, 1, 2, 3, 4, 6))):
        d, turn = rng.choice(edges + inner)
        s = rng.uniform(5, 20) if rng.random() < 0.5 else rng.uniform(8, 55)
        if not road.in_crossing(s, 0.5):
            add(sample_cyclist(rng), d + rng.gauss(0, 0.2), s, turn + rng.gauss(0, 0.08), 0.0)
    if rng.random() < 0.35:  # one that crosses
        s = sum(road.crossing) / 2 + rng.uniform(-2, 2) if road.crossing else rng.uniform(8, 30)
        add(sample_cyclist(rng), rng.uniform(road.left + 1, road.right - 1), s,
            rng.choice((-1, 1)) * pi / 2 + rng.gauss(0, 0.3), 0.0)
