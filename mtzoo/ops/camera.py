"""Where a camera sees the end of a straight, level road: its vanishing point."""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np

from mtzoo.errors import UserError

LARGEST_ANGLE = 60.0  # degrees; a camera turned further does not look ahead


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without lens distortion. Angles refer to a vehicle that drives straight ahead.

    Attributes:
        original_hw: Height and width of the images on which it was calibrated.
        focal: Focal length (x, y) in pixels.
        center: Principal point (x, y) in pixels. The corner of the first pixel is (0, 0).
        yaw_deg: Degrees; above 0 it looks to the right.
        pitch_deg: Degrees; above 0 it looks up.
        roll_deg: Degrees; above 0 it is turned clockwise, seen from behind.

    Raises:
        UserError: A value is impossible.
    """

    original_hw: tuple[int, int]
    focal: tuple[float, float]
    center: tuple[float, float]
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def __post_init__(self) -> None:
        if min(self.original_hw) <= 0 or not all(0 < f < float("inf") for f in self.focal):
            raise UserError(f"camera: original_hw={self.original_hw}, focal={self.focal}: expected positive numbers of pixels")
        for name in ("yaw_deg", "pitch_deg", "roll_deg"):
            if not abs(getattr(self, name)) <= LARGEST_ANGLE:
                raise UserError(f"camera: {name}={getattr(self, name)}: expected an angle within {LARGEST_ANGLE:g} degrees")

    def rotation(self) -> np.ndarray:
        """(3, 3): directions of the vehicle (x right, y down, z ahead) -> directions of the camera."""
        yaw, pitch, roll = (radians(angle) for angle in (self.yaw_deg, self.pitch_deg, self.roll_deg))
        turn = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
        tilt = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
        spin = np.array([[cos(roll), sin(roll), 0], [-sin(roll), cos(roll), 0], [0, 0, 1]])
        return spin @ tilt @ turn

    def vanishing_point(self) -> tuple[float, float]:
        """(x, y) in pixels of an original of `original_hw`; may lie outside of it."""
        x, y, z = self.rotation() @ np.array([0.0, 0.0, 1.0])
        return float(self.center[0] + self.focal[0] * x / z), float(self.center[1] + self.focal[1] * y / z)
