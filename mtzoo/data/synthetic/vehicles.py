"""Vehicles: bodies of convex hexahedra with painted details, seen from any side, with rears and fronts."""

from dataclasses import dataclass
from math import cos, sin
from random import Random

import numpy as np

from mtzoo.data.synthetic.decals import FACE_DECALS, Decal, Style, sample_style
from mtzoo.data.synthetic.painter import Painter

VEHICLE_SEG = 8
FACES = {"rear": (0, 1, 5, 4), "front": (2, 3, 7, 6), "left": (3, 0, 4, 7), "right": (1, 2, 6, 5), "top": (4, 5, 6, 7)}
DETAIL_FROM = 16.0  # pixels of height below which lamps and windows are all that is painted


@dataclass(frozen=True)
class Block:
    """A convex hexahedron in vehicle coordinates: l from the rear bumper forward, y up, metres.

    bottom, top: (l1, l2, half width, y); role picks the details of its faces.
    """

    role: str
    bottom: tuple[float, float, float, float]
    top: tuple[float, float, float, float]

    def corners(self) -> np.ndarray:
        """(8, 3) as (right, y, l): rear left, rear right, front right, front left, below then above."""
        out = []
        for l1, l2, half, y in (self.bottom, self.top):
            out += [(-half, y, l1), (half, y, l1), (half, y, l2), (-half, y, l2)]
        return np.array(out)


@dataclass(frozen=True)
class Shape:
    """size: length, width, height; wheels: l of the axles and wheel radius; blocks from far below to the roof."""

    size: tuple[float, float, float]
    axles: tuple[float, ...]
    wheel: float
    blocks: tuple[Block, ...]


def _car(length: float, width: float, height: float, belt: float, cabin: tuple[float, float], roof: tuple[float, float],
         wheel: float = 0.32) -> Shape:
    """cabin, roof: (rear, front) as fractions of the length, at the belt and at the roof."""
    half, low = width / 2, 0.24 + 0.3 * (wheel - 0.3)
    blocks = (
        Block("chassis", (0.35, length - 0.35, half - 0.12, 0.10), (0.3, length - 0.3, half - 0.12, low + 0.1)),
        Block("body", (0.04, length - 0.05, half * 0.97, low), (0, length * 0.985, half, belt * 0.72)),
        Block("shoulder", (0, length * 0.985, half, belt * 0.72), (0.03 * length, length * 0.93, half * 0.95, belt)),
        Block("cabin", (cabin[0] * length, cabin[1] * length, half * 0.93, belt),
              (roof[0] * length, roof[1] * length, half * 0.74, height)),
    )
    return Shape((length, width, height), (0.19 * length, 0.81 * length), wheel, blocks)


def _pickup(rng: Random) -> Shape:
    car = _car(5.3, 1.9, 1.85, 1.08, (0.36, 0.73), (0.39, 0.62), 0.38)
    return car if rng.random() < 0.6 else _car(5.0, 1.85, 1.8, 1.05, (0.3, 0.74), (0.34, 0.62), 0.37)


def _van(rng: Random) -> Shape:
    length, height = rng.uniform(4.8, 6.2), rng.uniform(1.95, 2.7)
    half = rng.uniform(0.95, 1.03)
    blocks = (Block("chassis", (0.35, length - 0.35, half - 0.1, 0.12), (0.3, length - 0.3, half - 0.1, 0.42)),
              Block("vanbody", (0.02, length, half, 0.32), (0, length * 0.96, half, 1.15)),
              Block("vancabin", (0, length * 0.93, half, 1.15), (0.05, length * 0.74, half * 0.9, height)))
    return Shape((length, 2 * half, height), (0.2 * length, 0.83 * length), 0.35, blocks)


def _bus(rng: Random) -> Shape:
    length, height, half = rng.uniform(9, 12.5), rng.uniform(2.9, 3.4), 1.26
    blocks = (Block("chassis", (0.3, length - 0.3, half - 0.1, 0.15), (0.3, length - 0.3, half - 0.1, 0.5)),
              Block("busbody", (0, length, half, 0.35), (0, length, half, 1.25)),
              Block("bustop", (0, length, half, 1.25), (0.06, length - 0.12, half * 0.96, height)))
    return Shape((length, 2 * half, height), (0.24 * length, 0.78 * length), 0.48, blocks)


def _truck(rng: Random) -> Shape:
    length, height, half = rng.uniform(6, 13), rng.uniform(2.9, 3.9), rng.uniform(1.1, 1.27)
    cab = length - rng.uniform(1.8, 2.2)
    floor = rng.uniform(0.85, 1.1)
    blocks = (Block("chassis", (0.1, length - 0.3, half - 0.2, 0.35), (0.05, length - 0.3, half - 0.1, floor)),
              Block("cargo", (0, cab - 0.15, half, floor), (0, cab - 0.15, half, height)),
              Block("cab", (cab, length, half - 0.03, 0.4), (cab, length - 0.02, half - 0.03, 1.35)),
              Block("cabtop", (cab, length - 0.02, half - 0.03, 1.35),
                    (cab + 0.1, length - 0.35, half - 0.1, min(height, rng.uniform(2.4, 3.0)))))
    axles = (0.14 * length, 0.14 * length + 1.2, length - 1.2) if length > 9 else (0.2 * length, length - 1.1)
    return Shape((length, 2 * half, height), axles, 0.48, blocks)


def sample_shape(rng: Random) -> Shape:
    """A hatchback, saloon, estate, off-roader, pick-up, van, bus or lorry; cars are the most frequent."""
    j = rng.uniform
    kind = rng.choices(("hatch", "saloon", "estate", "suv", "pickup", "van", "bus", "truck"),
                       (22, 24, 10, 20, 4, 9, 5, 8))[0]
    if kind == "hatch":
        return _car(j(3.5, 4.3), j(1.65, 1.8), j(1.42, 1.58), 0.92, (0.02, j(.72, .78)), (j(.09, .14), j(.52, .58)))
    if kind == "saloon":
        return _car(j(4.3, 5.0), j(1.72, 1.9), j(1.4, 1.5), 0.92, (j(.08, .14), j(.7, .75)), (j(.22, .28), j(.5, .56)))
    if kind == "estate":
        return _car(j(4.4, 4.9), j(1.75, 1.87), j(1.45, 1.6), 0.93, (0.01, j(.7, .75)), (j(.06, .1), j(.5, .56)))
    if kind == "suv":
        return _car(j(4.1, 4.9), j(1.8, 1.98), j(1.62, 1.85), 1.06, (0.01, j(.72, .78)), (j(.05, .1), j(.53, .6)), 0.37)
    return {"pickup": _pickup, "van": _van, "bus": _bus, "truck": _truck}[kind](rng)


@dataclass(frozen=True)
class Vehicle:
    """x, z: centre on the ground; yaw: heading in radians, 0 = the way the camera looks; ground: y of its wheels."""

    shape: Shape
    style: Style
    x: float
    z: float
    yaw: float
    ground: float = 0.0

    @classmethod
    def sample(cls, rng: Random, lamps_on: bool) -> "Vehicle":
        """A random vehicle at the origin; place it with `dataclasses.replace`."""
        return cls(sample_shape(rng), sample_style(rng, lamps_on), 0.0, 0.0, 0.0)

    def world(self, local: np.ndarray) -> np.ndarray:
        """(..., 3) as (right, y, l) -> (..., 3) world."""
        c, s = cos(self.yaw), sin(self.yaw)
        right, forward = local[..., 0], local[..., 2] - self.shape.size[0] / 2
        return np.stack((self.x + right * c + forward * s, self.ground + local[..., 1],
                         self.z - right * s + forward * c), -1)

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2 of the bounding rectangle on the ground."""
        length, width, _ = self.shape.size
        c, s = abs(cos(self.yaw)), abs(sin(self.yaw))
        dx, dz = (width * c + length * s) / 2, (width * s + length * c) / 2
        return self.x - dx, self.x + dx, self.z - dz, self.z + dz

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """Outlines (n, 3) on the ground; sun: metres of shadow in x and z per metre of height."""
        length, width, height = self.shape.size
        base = self.world(np.array([(-width / 2, 0, 0.1), (width / 2, 0, 0.1), (width / 2, 0, length - 0.1),
                                    (-width / 2, 0, length - 0.1)]))
        base[:, 1] = 0
        if sun == (0.0, 0.0):
            return [base]
        roof = base.mean(0) + (base - base.mean(0)) * 0.75 + np.array((sun[0], 0, sun[1])) * height * 0.9
        return [convex_ground(np.concatenate((base, roof)))]

    def draw(self, painter: Painter) -> None:
        """Paint it and seal three objects at most: vehicle, and rear or front if that face looks this way."""
        if not painter.room(2):
            return
        body, face = painter.surface(VEHICLE_SEG), painter.surface(VEHICLE_SEG)
        blocks = [self.world(b.corners()) for b in self.shape.blocks]
        forward = np.array((sin(self.yaw), 0.0, cos(self.yaw)))
        camera = np.array((0.0, painter.camera.height, 0.0))
        rear_end = self.world(np.array((0, 0.5, 0.0)))
        front_end = self.world(np.array((0, 0.5, self.shape.size[0])))
        rear = float((camera - rear_end) @ -forward) > 0
        front = not rear and float((camera - front_end) @ forward) > 0
        end = "rear" if rear else "front" if front else ""
        order = list(range(len(blocks)))
        if self.shape.blocks[-1].role == "cabtop" and front is False:
            order = [0, 2, 3, 1]  # the cab is behind the cargo box
        for i in order:
            self._block(painter, self.shape.blocks[i], blocks[i], camera, end, body, face)
            if self.shape.blocks[i].role in ("body", "vanbody", "busbody", "chassis"):
                self._wheels(painter, camera, end, body, face, self.shape.blocks[i].role == "chassis")
        points = painter.camera.project(np.concatenate(blocks + [self._ground_corners()]))
        painter.seal("vehicle", (body, face), points)
        if end:
            corners = [b[list(FACES[end])] for b in blocks] + [self._ground_corners()[:2] if rear
                                                               else self._ground_corners()[2:]]
            painter.seal(f"vehicle_{end}", (face,), painter.camera.project(np.concatenate(corners)))
        self._lamps(painter, end)

    def _ground_corners(self) -> np.ndarray:
        length, width, _ = self.shape.size
        half, inset = width / 2 - 0.05, min(0.5, length * 0.1)
        return self.world(np.array([(-half, 0, inset), (half, 0, inset), (half, 0, length - inset),
                                    (-half, 0, length - inset)]))

    def _block(self, painter: Painter, block: Block, corners: np.ndarray, camera: np.ndarray, end: str, body: int,
               face: int) -> None:
        for name in ("top", "left", "right", "front", "rear"):
            quad = corners[list(FACES[name])]
            normal = np.cross(quad[1] - quad[0], quad[3] - quad[0])
            length = float(np.linalg.norm(normal))
            if length < 1e-6:
                continue
            normal = -normal / length
            if float((camera - quad.mean(0)) @ normal) <= 0.02:
                continue
            surface = face if name == end else body
            albedo = self.style.block_colour(block.role)
            unit = tuple(float(n) for n in normal)
            outline = painter.polygon(quad, albedo, surface, unit)
            side = "side" if name in ("left", "right") else name
            decals = FACE_DECALS.get((block.role, side))
            if decals and len(outline) and quad[:, 2].min() > 0.8:
                tall = float(np.ptp(outline[:, 1]))
                self._decals(painter, quad, decals(self.style), unit, tall, name == "left")

    def _decals(self, painter: Painter, quad: np.ndarray, decals: list[Decal], normal: tuple[float, float, float],
                tall: float, mirrored: bool) -> None:
        """Paint details on a face; quad corners in the order lower left, lower right, upper right, upper left."""
        wanted = [d for d in decals if d.coarse or tall > DETAIL_FROM]
        if not wanted:
            return
        uv = np.concatenate([d.uv for d in wanted])
        u, v = (1 - uv[:, :1] if mirrored else uv[:, :1]), uv[:, 1:]
        points = (quad[0] * (1 - u) + quad[1] * u) * (1 - v) + (quad[3] * (1 - u) + quad[2] * u) * v
        outlines = np.split(painter.camera.project(points), np.cumsum([len(d.uv) for d in wanted])[:-1])
        depth, x = float(quad[:, 2].mean()), float(quad[:, 0].mean())
        for decal, outline in zip(wanted, outlines):
            painter.fill([outline], painter.light.shade(decal.albedo, depth, normal, x, decal.emit), None)

    def _wheels(self, painter: Painter, camera: np.ndarray, end: str, body: int, face: int, inner: bool) -> None:
        """Tyres: `inner` those seen below the bumper, else the discs on the side that looks this way."""
        length, width, _ = self.shape.size
        radius = self.shape.wheel
        if inner:
            l = self.shape.axles[0] - radius * 0.6 if end == "rear" else self.shape.axles[-1] + radius * 0.6
            for side in (-1, 1):
                a, b = sorted((side * (width / 2 - 0.04), side * (width / 2 - 0.26)))
                tyre = np.array([(a, 0, l), (b, 0, l), (b, radius * 1.3, l), (a, radius * 1.3, l)])
                painter.polygon(self.world(tyre), (34, 34, 36), face if end else body)
            return
        centre = self.world(np.array((0.0, 0.0, length / 2)))
        right = np.array((cos(self.yaw), 0.0, -sin(self.yaw)))
        side = 1 if float((camera - centre) @ right) > 0 else -1
        if abs(float((camera - centre) @ right)) < width / 2:
            return
        angle = np.linspace(0, 2 * np.pi, 18, endpoint=False)
        for l in self.shape.axles:
            for r, albedo in ((1.22, (24, 24, 26)), (1.0, (38, 38, 40)), (0.64, self.style.rim), (0.2, (60, 60, 62))):
                y = radius + r * radius * np.sin(angle)
                if r > 1:
                    y = np.maximum(y, radius * 0.8)
                disc = np.stack((np.full(18, side * (width / 2 + 0.005)), y, l + r * radius * np.cos(angle)), -1)
                painter.polygon(self.world(disc), albedo, body, (float(right[0] * side), 0.0, float(right[2] * side)))

    def _lamps(self, painter: Painter, end: str) -> None:
        """Halos of lamps that shine towards the camera."""
        style, (length, width, _) = self.style, self.shape.size
        y = style.lamp_height * self.shape.size[2]
        if end == "rear" and (style.lamps_on or style.braking):
            l, colour, radius = 0.0, (20, 20, 190) if style.braking else (10, 10, 95), 0.55 if style.braking else 0.35
        elif end == "front" and style.lamps_on:
            l, colour, radius = length, (215, 225, 235) if painter.light.dark else (120, 125, 130), 0.85
        else:
            return
        for side in (-1, 1):
            point = self.world(np.array((side * width * 0.4, y, l)))
            if point[2] > 1:
                painter.glow(point, radius, colour)


def convex_ground(points: np.ndarray) -> np.ndarray:
    """Convex hull (m, 3) of points (n, 3) on the ground (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(z)) for x, _, z in points})

    def chain(sequence: list[tuple[float, float]]) -> list[tuple[float, float]]:
        hull: list[tuple[float, float]] = []
        for p in sequence:
            while len(hull) > 1 and ((hull[-1][0] - hull[-2][0]) * (p[1] - hull[-2][1])
                                     - (hull[-1][1] - hull[-2][1]) * (p[0] - hull[-2][0])) <= 0:
                hull.pop()
            hull.append(p)
        return hull[:-1]

    hull = chain(ordered) + chain(ordered[::-1])
    return np.array([(x, 0.0, z) for x, z in hull])
