"""The pinhole camera. World axes: x right, y up, z forward, metres; the camera stands at x = z = 0."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, radians, sin
from random import Random

import numpy as np

NEAR = 0.7  # metres; nothing nearer is drawn


@dataclass(frozen=True)
class Camera:
    """hw: picture size; focal in pixels; centre: x of the principal point and y of the horizon, pixels (the corner of
    the first pixel is 0); height above the road in metres; roll in radians. Pitch is a shift of the horizon: verticals
    stay vertical, as after rectification."""

    hw: tuple[int, int]
    focal: float
    centre: tuple[float, float]
    height: float
    roll: float

    @classmethod
    def sample(cls, rng: Random, hw: tuple[int, int]) -> "Camera":
        """A camera behind a windscreen. Sizes in pixels follow the height of the picture."""
        h, w = hw
        focal = h * rng.uniform(1.05, 1.75)
        centre = (w * rng.uniform(0.47, 0.53), h * rng.uniform(0.40, 0.54))
        return cls(hw, focal, centre, rng.uniform(1.2, 1.75), radians(rng.gauss(0, 0.5)))

    @cached_property
    def _face(self) -> tuple[np.ndarray, np.ndarray]:
        """Roll and focal length as (2, 2) and (2,): pixels times depth, from x and y (up; down in the picture)."""
        c, s, f = cos(self.roll), sin(self.roll), self.focal
        return f * np.array(((c, s), (s, -c))), f * self.height * np.array((-s, c))

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) world -> (..., 2) pixels. Points nearer than NEAR are put at NEAR: clip polygons before."""
        turn, shift = self._face
        return (points[..., :2] @ turn + shift) / np.maximum(points[..., 2:], NEAR) + self.centre

    def pixels_per_metre(self, z: float) -> float:
        """Size of a metre seen face on at depth z."""
        return self.focal / max(z, NEAR)

    def matrix(self) -> np.ndarray:
        """(3, 4) float64: homogeneous world -> homogeneous pixels."""
        c, s, (cx, cy) = cos(self.roll), sin(self.roll), self.centre
        shift = np.array([[c, -s, cx], [s, c, cy], [0, 0, 1]])
        f = self.focal
        return shift @ np.array([[f, 0, 0, 0], [0, -f, 0, f * self.height], [0, 0, 1, 0]], float)

    def plane(self, origin: np.ndarray, right: np.ndarray, up: np.ndarray) -> np.ndarray:
        """(3, 3) homography: (a, b, 1) on the plane origin + a right + b up -> homogeneous pixels."""
        frame = np.zeros((4, 3))
        frame[:3, 0], frame[:3, 1], frame[:3, 2], frame[3, 2] = right, up, origin, 1
        return self.matrix() @ frame

    def row_depth(self, rows: np.ndarray) -> np.ndarray:
        """Depth in metres of the road seen at pixel rows (y, centre column); infinite above the horizon."""
        below = rows - self.centre[1]
        return np.where(below > 1e-3, self.height * self.focal / np.maximum(below, 1e-3), np.inf)


def clip_near(points: np.ndarray, near: float = NEAR) -> np.ndarray:
    """Sutherland-Hodgman against z = near: (n, 3) polygon -> (m, 3), m may be 0."""
    inside = points[:, 2] >= near
    if inside.all():
        return points
    if not inside.any():
        return points[:0]
    out = []
    for i, (a, b) in enumerate(zip(points, np.roll(points, -1, 0))):
        if inside[i]:
            out.append(a)
        if inside[i] != inside[(i + 1) % len(points)]:
            out.append(a + (b - a) * ((near - a[2]) / (b[2] - a[2])))
    return np.array(out)
