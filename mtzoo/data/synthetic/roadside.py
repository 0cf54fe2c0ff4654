"""Small things beside the road: lamp posts, fences, clutter; and the surfaces that static things share."""

from dataclasses import dataclass

import cv2
import numpy as np

from mtzoo.data.synthetic.light import Colour
from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.signs import paint_arm, paint_post, post_shadow


@dataclass(frozen=True)
class Surfaces:
    """Surface numbers that all static things of a class share."""

    building: int
    pole: int
    vegetation: int
    fence: int
    clutter: int


@dataclass(frozen=True)
class LampPost:
    """A lamp over the road, or a utility pole (arm 0) whose wires run to the next one."""

    surfaces: Surfaces
    height: float
    radius: float
    arm: float
    albedo: Colour
    x: float
    z: float
    wires_to: tuple[float, float] | None

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2."""
        return self.x - 0.1, self.x + 0.1, self.z - 0.1, self.z + 0.1

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """The post's."""
        return post_shadow(self.x, self.z, 0.08, self.height, sun)

    def draw(self, painter: Painter) -> None:
        """Post, arm and lamp; wires are too thin for a label."""
        pole = self.surfaces.pole
        paint_post(painter, pole, self.x, self.z, 0.0, self.height, self.radius, self.albedo)
        if self.arm:
            end = self.x + self.arm
            paint_arm(painter, pole, *sorted((self.x, end)), self.z, self.height, 0.05)
            a, b = sorted((end, end + 0.6 * np.sign(self.arm)))
            y = self.height
            head = np.array([(a, y - 0.1, self.z), (b, y - 0.1, self.z), (b, y + 0.08, self.z), (a, y + 0.08, self.z)])
            painter.polygon(head, (90, 92, 94), pole, (0, 0, -1.0))
            if painter.light.time != "day":
                bulb = np.array((end + 0.3 * np.sign(self.arm), y, self.z))
                painter.glow(bulb, 1.6, (110, 175, 235) if painter.light.dark else (60, 100, 140), pole)
        else:
            paint_arm(painter, pole, self.x - 0.9, self.x + 0.9, self.z, self.height - 0.4, 0.05)
        if self.wires_to and self.z > 1.5:
            self._wires(painter)

    def _wires(self, painter: Painter) -> None:
        t = np.linspace(0, 1, 9)[:, None]
        for dx in (-0.8, 0.0, 0.8):
            a = np.array((self.x + dx, self.height - 0.35, self.z))
            b = np.array((self.wires_to[0] + dx, self.height - 0.35, self.wires_to[1]))
            sag = np.array((0, -1.2, 0)) * (4 * t * (1 - t))
            points = painter.camera.project(a + (b - a) * t + sag)
            colour = painter.light.shade((40, 40, 42), self.z)
            cv2.polylines(painter.image, [np.rint(points * 16 - 8).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 4)


BANDS = {"guardrail": ((.55, .68, 1.0), (.68, .8, .72), (.8, .95, 1.1)),
         "rails": ((.28, .34, .9), (.6, .66, .9), (.94, 1.0, 1.0)),
         "barrier": ((0, .35, .8), (.35, .9, 1.0), (.9, 1.0, 1.15)),
         "panel": ((0, 1, 1.0), (0, .08, .6), (.92, 1, .75)),
         "picket": ((.25, .32, .9), (.7, .77, .9))}  # y1, y2 as shares of the height, brightness


@dataclass(frozen=True)
class Fence:
    """One piece: "guardrail", "rails", "panel", "picket" or "barrier" from near to far, (x, z) each."""

    surfaces: Surfaces
    kind: str
    near: tuple[float, float]
    far: tuple[float, float]
    height: float
    albedo: Colour
    ground: float

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2."""
        return (min(self.near[0], self.far[0]), max(self.near[0], self.far[0]), min(self.near[1], self.far[1]),
                max(self.near[1], self.far[1]))

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """Of its height; none without sun."""
        if sun == (0.0, 0.0) or self.kind == "rails":
            return []
        a, b = np.array((self.near[0], 0, self.near[1])), np.array((self.far[0], 0, self.far[1]))
        away = np.array((sun[0], 0, sun[1])) * self.height
        return [np.array((a, b, b + away, a + away))]

    def _quad(self, y1: float, y2: float, t1: float = 0.0, t2: float = 1.0) -> np.ndarray:
        (x1, z1), (x2, z2) = self.near, self.far
        a, b = (x1 + (x2 - x1) * t1, z1 + (z2 - z1) * t1), (x1 + (x2 - x1) * t2, z1 + (z2 - z1) * t2)
        y1, y2 = y1 * self.height + self.ground, y2 * self.height + self.ground
        return np.array([(a[0], y1, a[1]), (b[0], y1, b[1]), (b[0], y2, b[1]), (a[0], y2, a[1])])

    def draw(self, painter: Painter) -> None:
        """Beams and boards are labelled where they are, what is seen between them is not fence."""
        normal = (-1.0 if self.near[0] > 0 else 1.0, 0.0, 0.0)
        albedo = self.albedo
        quads: list[np.ndarray] = []
        gains: list[float] = []
        length = float(np.hypot(self.far[0] - self.near[0], self.far[1] - self.near[1]))
        near = painter.camera.pixels_per_metre(self.near[1]) > 25
        post = 0.08 / max(length, 0.1)

        def add(y1: float, y2: float, gain: float, t1: float = 0.0, t2: float = 1.0) -> None:
            quads.append(self._quad(y1, y2, t1, t2))
            gains.append(gain)

        if self.kind in ("guardrail", "rails"):
            add(0, 1.0, 0.7, 0, post)
        for y1, y2, gain in BANDS[self.kind]:
            add(y1, y2, gain)
        if self.kind == "panel" and near:
            add(0, 1, 0.6, 1 - post, 1)
        if self.kind == "picket":
            count = max(int(length / 0.22), 1) if near else 1
            for i in range(count):
                add(0, 1, 1.0, i / count, (i + 0.6) / count if near else 1.0)
        albedos = [tuple(min(255.0, g * c) for c in albedo) for g in gains]
        painter.quads(np.array(quads), albedos, normal, [self.surfaces.fence] * len(quads))


@dataclass(frozen=True)
class Clutter:
    """A bin, box, cone or bollard: of no class (255 in the masks), bollards are poles."""

    surfaces: Surfaces
    kind: str
    albedo: Colour
    x: float
    z: float
    ground: float

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2."""
        return self.x - 0.3, self.x + 0.3, self.z - 0.3, self.z + 0.3

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """A strip."""
        return post_shadow(self.x, self.z, 0.2, 0.8, sun)

    def draw(self, painter: Painter) -> None:
        """A few polygons."""
        x, y, z = self.x, self.ground, self.z
        if self.kind == "bollard":
            paint_post(painter, self.surfaces.pole, x, z, y, y + 0.95, 0.06, self.albedo)
            return

        def slab(w1: float, w2: float, y1: float, y2: float, albedo: Colour) -> None:
            quad = np.array([(x - w1, y + y1, z), (x + w1, y + y1, z), (x + w2, y + y2, z), (x - w2, y + y2, z)])
            painter.polygon(quad, albedo, self.surfaces.clutter, (0, 0, -1.0))

        if self.kind == "cone":
            slab(0.2, 0.2, 0, 0.05, (40, 40, 44))
            slab(0.15, 0.03, 0.05, 0.7, (40, 90, 235))
            slab(0.10, 0.07, 0.3, 0.48, (230, 230, 230))
        else:
            slab(0.28, 0.32, 0, 0.95, self.albedo)
            slab(0.35, 0.35, 0.95, 1.05, tuple(0.6 * c for c in self.albedo))
            slab(0.2, 0.2, 0.6, 0.72, tuple(min(255, 1.4 * c) for c in self.albedo))
