"""Texture, shadows, daylight, headlights and haze on the flat ground, as one gain per pixel."""

from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.camera import Camera, clip_near
from mtzoo.data.synthetic.ground import GroundSurfaces, daylight
from mtzoo.data.synthetic.light import Light
from mtzoo.data.synthetic.painter import SUBPIXEL_BITS, Painter, fixed_point
from mtzoo.data.synthetic.textures import GROUND_METRES, GROUND_PIXELS_PER_METRE, ground_gain

ONE = 128  # the uint8 gain that changes nothing
CONTACT = 0.38  # darkness of the shadow below things on a day without sun


def light_ground(painter: Painter, ids: GroundSurfaces, shadows: list[np.ndarray], rng: Random) -> None:
    """Multiply texture, shadows and headlights into the ground, then add haze by row.

    shadows: outlines (n, 3) on the ground in world coordinates. The gain is made at half the size: in front the
    texture is coarser than the picture, and where it is finer it is far away.
    """
    camera, light = painter.camera, painter.light
    h, w = camera.hw
    margin = abs(np.sin(camera.roll)) * w / 2 + 0.01 * h  # a rolled horizon rises to one side
    top = int(np.clip(camera.centre[1] - margin, 0, h - 8))
    ground = painter.ids[top:]
    half = np.ascontiguousarray(ground[::2, ::2])
    keep = np.exp(-light.haze * np.minimum(camera.row_depth(np.arange(top, h) + 0.5), 5000))[:, None]  # (rows, 1)
    gain = cv2.multiply(_texture_gain(camera, half, ids, top, rng), _shade_gain(camera, light, shadows, half, top),
                        scale=1 / ONE)
    gain = cv2.multiply(gain, _level_gain(camera, light, half, top, keep[::2]), scale=1 / ONE)
    full = cv2.cvtColor(cv2.resize(gain, (w, h - top)), cv2.COLOR_GRAY2BGR)
    lit = cv2.multiply(painter.image[top:], full, scale=1 / ONE)
    hazy = int(np.count_nonzero(keep < 0.985))
    if hazy:
        veil = ((1 - keep[:hazy]) * np.array(light.haze_colour)).astype(np.uint8)[:, None]  # (rows, 1, 3)
        cv2.add(lit[:hazy], cv2.resize(veil, (w, hazy), interpolation=cv2.INTER_NEAREST), dst=lit[:hazy])
    cv2.copyTo(lit, cv2.inRange(ground, ids.grass, ids.curb), painter.image[top:])


def _texture_gain(camera: Camera, half: np.ndarray, ids: GroundSurfaces, top: int, rng: Random) -> np.ndarray:
    """(h, w) uint8 at half size: the texture in perspective, by kind of ground; half: the ids at half size."""
    m = GROUND_METRES
    origin = np.array((-m / 2 + rng.uniform(-9, 9), 0, rng.uniform(-16, 1)))
    flip = rng.choice((-1.0, 1.0))
    to_image = camera.plane(origin + (m * (flip < 0), 0, 0), np.array((flip, 0, 0)), np.array((0, 0, 1.0)))
    scale = np.diag((1 / GROUND_PIXELS_PER_METRE, 1 / GROUND_PIXELS_PER_METRE, 1))
    shrink = np.array([[0.5, 0, 0], [0, 0.5, -top / 2], [0, 0, 1]])
    inverse = np.linalg.inv(shrink @ to_image @ scale)
    def seen(kind: str) -> np.ndarray:
        return cv2.warpPerspective(ground_gain(kind), inverse, half.shape[::-1],
                                   flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=ONE)

    strength = rng.uniform(0.35, 1.05)  # from a new surface to a mended one
    out = cv2.convertScaleAbs(seen("asphalt"), alpha=strength, beta=ONE * (1 - strength))
    for kind, surface in (("grass", ids.grass), ("pavement", ids.paving)):
        mask = cv2.compare(half, surface, cv2.CMP_EQ)
        if cv2.countNonZero(mask):
            cv2.copyTo(seen(kind), mask, out)
    return out


def _shade_gain(camera: Camera, light: Light, shadows: list[np.ndarray], half: np.ndarray, top: int) -> np.ndarray:
    """(h, w) uint8 at half size: soft shadows."""
    mask = np.zeros(half.shape, np.uint8)
    for outline in shadows:
        points = clip_near(outline)
        if len(points) > 2:
            flat = (camera.project(points) - (0, top)) / 2
            cv2.fillPoly(mask, [fixed_point(flat)], 255, cv2.LINE_8, SUBPIXEL_BITS)
    dark = max(light.shadow, CONTACT)
    return cv2.convertScaleAbs(cv2.blur(mask, (3, 3)), alpha=-ONE * dark / 255, beta=ONE)


def _level_gain(camera: Camera, light: Light, half: np.ndarray, top: int, keep: np.ndarray) -> np.ndarray:
    """(h, w) uint8 at half size: daylight and headlights, less what haze swallows; keep (h, 1) by row."""
    h, w = half.shape
    level = np.full((h, 1), ONE * daylight(light)[1])
    if light.headlights:  # made at an eighth of the size
        ys = (np.arange(0, h, 4) * 2 + top)[:, None]
        z = np.minimum(camera.row_depth(ys + 0.5), 300)
        x = (np.arange(0, w, 4)[None] * 2 - camera.centre[0]) / camera.focal * z
        beam = light.headlights * np.exp(-((x / (2.2 + 0.3 * z)) ** 2)) / (1 + (z / 16) ** 2) * np.clip(z / 5, 0.3, 1)
        level = level + ONE * cv2.resize(beam.astype(np.float32), (w, h))
    level = np.minimum(level * keep, 255).astype(np.uint8)
    return level if level.shape[1] == w else cv2.resize(level, (w, h), interpolation=cv2.INTER_NEAREST)
