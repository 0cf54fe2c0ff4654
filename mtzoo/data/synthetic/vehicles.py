"""Vehicles on the road: seen from any side, with painted details and lamps; a rear or a front where it faces us."""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.decals import Decal, Style, sample_style
from mtzoo.data.synthetic.liveries import FACE_DECALS
from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.vehicle_shapes import Shape, sample_shape

VEHICLE_SEG = 8
FACE_NAMES = ("top", "left", "right", "front", "rear")
FACES = np.array(((4, 5, 6, 7), (3, 0, 4, 7), (1, 2, 6, 5), (2, 3, 7, 6), (0, 1, 5, 4)))  # corners, from lower left
DETAIL_FROM = 34.0  # pixels of height of the vehicle below which only the coarse details are painted
LABELLED_FROM = 0.26  # cosine: a rear or front seen at more than 75 degrees is a part of the side
DECALS_FROM = 9.0  # and below which none is
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
MIRROR = [1, 0, 3, 2]
_ANGLES = [k * pi / 8 for k in range(16)]
RINGS = tuple(tuple((0.5 + r * cos(a), 0.5 + r * sin(a)) for a in _ANGLES) for r in (0.5, 0.32, 0.1))  # tyre, rim, hub
ARCH = tuple((0.5 + 0.61 * cos(a), max(0.4, 0.5 + 0.61 * sin(a))) for a in _ANGLES)


class _Sheet:
    """Decals on quadrilaterals of one vehicle, in the order of painting."""

    def __init__(self) -> None:
        self.quads: list[np.ndarray] = []
        self.normals: list[np.ndarray] = []
        self.entries: list[tuple[int, Decal, int | None]] = []

    def add(self, quad: np.ndarray, normal: np.ndarray, decals: list[Decal], surface: int | None) -> None:
        """quad (4, 3) in the world: lower left, lower right, upper right, upper left of the decals' (u, v)."""
        index = len(self.quads)
        self.quads.append(quad)
        self.normals.append(normal)
        self.entries.extend((index, decal, surface) for decal in decals)

    def paint(self, painter: Painter, depth: float, x: float) -> None:
        """Project, shade and fill all of them at once."""
        sizes = [len(decal.uv) for _, decal, _ in self.entries]
        index = np.array([i for i, _, _ in self.entries])
        uv = np.array([p for _, decal, _ in self.entries for p in decal.uv])
        u, v = uv[:, :1], uv[:, 1:]
        q = np.array(self.quads)[np.repeat(index, sizes)].transpose(1, 0, 2)  # (4, N, 3)
        points = (q[0] * (1 - u) + q[1] * u) * (1 - v) + (q[3] * (1 - u) + q[2] * u) * v
        albedos = np.array([decal.albedo for _, decal, _ in self.entries])
        emits = np.array([decal.emit for _, decal, _ in self.entries])
        colours = painter.light.shade_many(albedos, depth, np.array(self.normals)[index], x, emits)
        painter.convex(painter.camera.project(points), sizes, colours, [surface for _, _, surface in self.entries])


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
        back = self.shape.size[0] / 2
        turn = np.array(((c, 0, -s), (0, 1, 0), (s, 0, c)))
        return local @ turn + (self.x - back * s, self.ground, self.z - back * c)

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
        flat = np.concatenate((base, roof)).astype(np.float32)
        hull = cv2.convexHull(np.ascontiguousarray(flat[:, ::2]))[:, 0]
        return [np.stack((hull[:, 0], 0 * hull[:, 0], hull[:, 1]), -1)]

    def draw(self, painter: Painter) -> None:
        """Paint it and seal two objects at most: the vehicle, and its rear or front if that face looks this way."""
        corners = self.world(np.array([b.corners() for b in self.shape.blocks]))  # (B, 8, 3)
        everything = np.concatenate((corners.reshape(-1, 3), self._ground_corners()))
        points = painter.camera.project(everything)
        outside = points[:, 0].max() < 0 or points[:, 0].min() > painter.camera.hw[1]
        if outside or not painter.room(2):
            return
        body, face = painter.surface(VEHICLE_SEG), painter.surface(VEHICLE_SEG)
        end, facing = self._end(painter)
        if facing < LABELLED_FROM:
            face = body
        sheet = _Sheet()
        self._collect(sheet, painter, corners, end, body, face)
        sheet.paint(painter, self.z, self.x)
        painter.seal("vehicle", (body, face) if face != body else (body,), points)
        if end and face != body:
            low = slice(0, 2) if end == "rear" else slice(2, 4)
            picked = FACES[FACE_NAMES.index(end)]
            faces = points[:-4].reshape(-1, 8, 2)[:, picked].reshape(-1, 2)
            painter.seal(f"vehicle_{end}", (face,), np.concatenate((faces, points[-4:][low])))
        self._glow(painter, end, face)

    def _end(self, painter: Painter) -> tuple[str, float]:
        """ "rear" or "front", whichever looks this way ("" if neither), and the cosine of the angle it is seen at."""
        forward = np.array((sin(self.yaw), 0.0, cos(self.yaw)))
        ends = self.world(np.array(((0, 0.5, 0.0), (0, 0.5, self.shape.size[0]))))
        rays = np.array((0.0, painter.camera.height, 0.0)) - ends
        rear, front = rays @ forward / np.linalg.norm(rays, axis=1) * (-1, 1)
        return ("rear", float(rear)) if rear > 0 else ("front", float(front)) if front > 0 else ("", 0.0)

    def _ground_corners(self) -> np.ndarray:
        length, width, _ = self.shape.size
        half, inset = width / 2 - 0.05, min(0.5, length * 0.1)
        return self.world(np.array([(-half, 0, inset), (half, 0, inset), (half, 0, length - inset),
                                    (-half, 0, length - inset)]))

    def _collect(self, sheet: _Sheet, painter: Painter, corners: np.ndarray, end: str, body: int, face: int) -> None:
        """All polygons, hidden before hiding."""
        blocks = self.shape.blocks
        eye = np.array((0.0, painter.camera.height, 0.0))
        quads = corners[:, FACES]  # (B, 5, 4, 3)
        normals = -np.cross(quads[:, :, 1] - quads[:, :, 0], quads[:, :, 3] - quads[:, :, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        towards = ((eye - quads.mean(2)) * normals).sum(-1) > 0.02  # (B, 5)
        tall = painter.camera.pixels_per_metre(self.z) * self.shape.size[2]
        order = list(range(len(blocks)))
        if blocks[-1].role == "cabtop" and end != "front":
            order = [0, 2, 3, 1]  # the cab is behind the cargo box
        for i in order:
            role = blocks[i].role
            for f in np.flatnonzero(towards[i]):
                name = FACE_NAMES[f]
                surface = face if name == end else body
                quad = quads[i, f][MIRROR] if name == "left" else quads[i, f]  # u runs from the rear to the front
                sheet.add(quad, normals[i, f], [Decal(WHOLE, self.style.block_colour(role))], surface)
                make = FACE_DECALS.get((role, "side" if name in ("left", "right") else name))
                if make and tall > DECALS_FROM:
                    decals = [d for d in make(self.style) if d.coarse or tall > DETAIL_FROM]
                    sheet.add(quad, normals[i, f], decals, None)
            if role == "chassis":
                self._tyres(sheet, end, face if end else body, normals[i])
            elif role in ("body", "vanbody", "busbody") or (role == "cargo" and i == order[-1]) or role == "cab":
                self._wheels(sheet, eye, body)

    def _tyres(self, sheet: _Sheet, end: str, surface: int, normals: np.ndarray) -> None:
        """The two tyres seen below the bumper."""
        width, radius = self.shape.size[1], self.shape.wheel
        rear = end == "rear"
        at = self.shape.axles[0] - radius * 0.6 if rear else self.shape.axles[-1] + radius * 0.6
        for side in (-1, 1):
            a, b = sorted((side * (width / 2 - 0.04), side * (width / 2 - 0.26)))
            tyre = np.array([(a, 0, at), (b, 0, at), (b, radius * 1.3, at), (a, radius * 1.3, at)])
            sheet.add(self.world(tyre), normals[4 if rear else 3], [Decal(WHOLE, (34, 34, 36))], surface)

    def _wheels(self, sheet: _Sheet, eye: np.ndarray, body: int) -> None:
        """Wheel arches, tyres and rims on the side that looks this way."""
        length, width, _ = self.shape.size
        right = np.array((cos(self.yaw), 0.0, -sin(self.yaw)))
        across = float((eye - self.world(np.array((0.0, 0.0, length / 2)))) @ right)
        if abs(across) < width / 2:
            return
        side = 1 if across > 0 else -1
        radius = self.shape.wheel
        decals = [Decal(ARCH, (24, 24, 26)), *(Decal(RINGS[i], albedo) for i, albedo in
                                               enumerate(((38, 38, 40), self.style.rim, (60, 60, 62))))]
        for axle in self.shape.axles:
            x, y1, y2 = side * (width / 2 + 0.005), 0.0, 2 * radius
            quad = np.array([(x, y1, axle - radius), (x, y1, axle + radius), (x, y2, axle + radius),
                             (x, y2, axle - radius)])
            sheet.add(self.world(quad), right * side, decals, body)

    def _glow(self, painter: Painter, end: str, face: int) -> None:
        """Halos of lamps that shine towards the camera."""
        style, (length, width, height) = self.style, self.shape.size
        if end == "rear" and (style.lamps_on or style.braking):
            at, colour, radius = 0.0, (20, 20, 190) if style.braking else (10, 10, 95), 0.55 if style.braking else 0.35
        elif end == "front" and style.lamps_on:
            at, colour, radius = length, (215, 225, 235) if painter.light.dark else (120, 125, 130), 0.85
        else:
            return
        y = min(style.lamp_height * height, 0.95)
        for point in self.world(np.array(((-width * 0.4, y, at), (width * 0.4, y, at)))):
            if point[2] > 1:
                painter.glow(point, radius, colour, face)

