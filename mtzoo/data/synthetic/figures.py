"""Figures of capsules, slabs and wheels in three dimensions, turned anywhere: how they are painted."""

from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np

from mtzoo.data.synthetic.light import Colour
from mtzoo.data.synthetic.painter import Painter

PERSON_SEG, CYCLIST_SEG = 9, 10
RIM = np.stack((np.cos(np.arange(10) * pi / 5), np.sin(np.arange(10) * pi / 5)), -1)


@dataclass(frozen=True)
class Limb:
    """A capsule between two points (right, y, forward) with a radius at each end, metres."""

    a: tuple[float, float, float]
    b: tuple[float, float, float]
    ra: float
    rb: float
    albedo: Colour

    def discs(self) -> tuple[tuple[float, ...], ...]:
        """(right, y, forward, radius) whose convex hull it is."""
        return (*self.a, self.ra), (*self.b, self.rb)


@dataclass(frozen=True)
class Slab:
    """The convex hull of discs (right, y, forward, radius): torso, skirt, backpack, umbrella."""

    rims: tuple[tuple[float, float, float, float], ...]
    albedo: Colour

    def discs(self) -> tuple[tuple[float, ...], ...]:
        """As given."""
        return self.rims


@dataclass(frozen=True)
class Wheel:
    """A bicycle wheel upright in the plane right = 0. Its inside is labelled, as annotators do."""

    y: float
    forward: float
    radius: float
    tyre: float

    def discs(self) -> tuple[tuple[float, ...], ...]:
        """Along the tyre, whose thickness shows when it is seen edge on."""
        return tuple((0.0, self.y + self.radius * s, self.forward + self.radius * c, self.tyre / 2) for c, s in RIM)


Part = Limb | Slab | Wheel


@dataclass(frozen=True)
class Figure:
    """A person or a cyclist. x, z on the ground; yaw: heading, 0 = away from the camera; ground: y of the feet."""

    category: str
    parts: tuple[Part, ...]
    height: float
    width: float
    x: float
    z: float
    yaw: float
    ground: float = 0.0

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2."""
        half = self.width / 2
        return self.x - half, self.x + half, self.z - half, self.z + half

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """A blob below, and a strip away from the sun."""
        angle = np.linspace(0, 2 * pi, 10, endpoint=False)
        base = np.stack((self.x + 0.28 * np.cos(angle), 0 * angle, self.z + 0.28 * np.sin(angle)), -1)
        if sun == (0.0, 0.0):
            return [base]
        length = np.array((sun[0], 0.0, sun[1])) * self.height
        across = np.array((-sun[1], 0.0, sun[0])) / (np.hypot(*sun) + 1e-6) * 0.22
        foot = np.array((self.x, 0.0, self.z))
        return [base, np.array((foot - across, foot + across, foot + across * .7 + length, foot - across * .7 + length))]

    def _world(self, local: np.ndarray) -> np.ndarray:
        c, s = cos(self.yaw), sin(self.yaw)
        return np.stack((self.x + local[..., 0] * c + local[..., 2] * s, self.ground + local[..., 1],
                         self.z - local[..., 0] * s + local[..., 2] * c), -1)

    def draw(self, painter: Painter) -> None:
        """Paint the parts far to near and seal one object."""
        foot = painter.camera.project(np.array((self.x, self.ground, self.z)))
        pixels = painter.camera.pixels_per_metre(self.z)
        if not painter.room(1) or not -pixels < foot[0] < painter.camera.hw[1] + pixels:
            return
        surface = painter.surface(PERSON_SEG if self.category == "person" else CYCLIST_SEG)
        depths, outlines = self._outlines(painter)
        order = sorted(range(len(depths)), key=lambda i: -depths[i])
        light, detailed = painter.light, pixels * self.height > 45
        gain, offset = light.gain_offset(self.z, None, self.x)
        lean = np.array((-0.12 if light.sun_dir[0] < 0 else 0.12, -0.06))
        shapes: list[np.ndarray] = []
        colours: list[Colour] = []
        surfaces: list[int | None] = []

        def flush() -> None:
            if shapes:
                painter.convex(np.concatenate(shapes), [len(p) for p in shapes], colours, surfaces)
            shapes.clear(), colours.clear(), surfaces.clear()

        for i in order:
            part, outline = self.parts[i], outlines[i]
            if isinstance(part, Wheel):
                flush()
                self._paint_wheel(painter, outline, part, surface)
                continue
            albedo = tuple(c * g for c, g in zip(part.albedo, gain))
            shapes.append(outline)
            colours.append(tuple(min(255.0, 0.86 * c + o) for c, o in zip(albedo, offset)))
            surfaces.append(surface)
            if detailed:  # the lit half
                low, high = outline.min(0), outline.max(0)
                shapes.append((low + high) * 0.19 + lean * (high - low) + outline * 0.62)
                colours.append(tuple(min(255.0, 1.12 * c + o) for c, o in zip(albedo, offset)))
                surfaces.append(None)
        flush()
        painter.seal(self.category, (surface,), np.concatenate(outlines))

    def _outlines(self, painter: Painter) -> tuple[list[float], list[np.ndarray]]:
        """Per part: depth of its middle and convex outline (n, 2) in pixels; all discs are projected at once."""
        discs = [part.discs() for part in self.parts]
        local = np.array([d for group in discs for d in group])  # (D, 4)
        world = self._world(local[:, :3])
        centres = painter.camera.project(world)
        radii = np.maximum(local[:, 3] * painter.camera.focal / world[:, 2], 0.4)
        rims = (centres[:, None] + radii[:, None, None] * RIM).astype(np.float32)  # (D, 10, 2)
        depths, outlines, begin = [], [], 0
        for group in discs:
            end = begin + len(group)
            depths.append(float(world[begin:end, 2].mean()))
            outlines.append(cv2.convexHull(rims[begin:end].reshape(-1, 2))[:, 0])
            begin = end
        return depths, outlines

    def _paint_wheel(self, painter: Painter, outline: np.ndarray, wheel: Wheel, surface: int) -> None:
        """A ring in the picture, a disc in the labels."""
        label = np.rint(outline * 16 - 8).astype(np.int32)
        cv2.fillPoly(painter.ids, [label], surface, cv2.LINE_8, 4)
        pixels = painter.camera.pixels_per_metre(self.z)
        dark = painter.light.shade((36, 36, 38), self.z, None, self.x)
        if np.ptp(outline[:, 0]) < 5 * wheel.tyre * pixels:
            painter.convex(outline, [len(outline)], [dark], [None])
            return
        cv2.polylines(painter.image, [label], True, dark, max(1, round(wheel.tyre * pixels)), cv2.LINE_AA, 4)
        if wheel.radius * pixels > 14:
            hub = outline.mean(0)
            grey = painter.light.shade((120, 120, 122), self.z, None, self.x)
            for p in outline[::3]:
                ends = [np.rint(q * 16 - 8).astype(int) for q in (hub, hub + (p - hub) * 0.92)]
                cv2.line(painter.image, tuple(map(int, ends[0])), tuple(map(int, ends[1])), grey, 1, cv2.LINE_AA, 4)
