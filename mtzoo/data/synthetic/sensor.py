"""From light to a file: halos, rain, blur, exposure, noise, the ego vehicle's bonnet."""

from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.light import Light
from mtzoo.data.synthetic.painter import Glow, Painter
from mtzoo.data.synthetic.textures import rain_streaks, sensor_noise

GLOW_CELL = 4  # halos are made at a quarter of the size


@dataclass(frozen=True)
class Sensor:
    """One camera's defects. exposure (gain), black (offset), strengths of noise and vignette, blur (sigma in pixels of
    a picture 720 high), motion (pixels)."""

    exposure: float
    black: float
    noise: float
    vignette: float
    blur: float
    motion: int


def sample_sensor(rng: Random, light: Light) -> Sensor:
    """Mostly a good camera, noisier at night."""
    dark = light.time == "night"
    return Sensor(
        rng.gauss(1.03, 0.10), rng.uniform(-6, 16), rng.uniform(0.12, 0.5) if dark else rng.uniform(0.03, 0.25),
        rng.choice((0.0, 0.0, rng.uniform(0.1, 0.3))), rng.choice((0.0, 0.0, 0.0, 0.5, 0.6, 0.8, 1.1)),
        rng.choice((0, 0, 0, 0, 0, 3, 5)))


def expose(painter: Painter, sensor: Sensor, rng: Random) -> np.ndarray:
    """(H, W, 3) uint8: the finished picture."""
    image, light = painter.image, painter.light
    h, w = image.shape[:2]
    _add_glows(image, painter.visible_glows(), wet=light.rain > 0.4)
    if light.rain:
        _rain(image, light, rng)
    sigma = sensor.blur * h / 720
    if sigma > 0.3:
        side = 2 * round(2 * sigma) + 1
        image = cv2.GaussianBlur(image, (side, side), sigma)
    if sensor.motion:
        image = cv2.blur(image, (sensor.motion, 1))
    if sensor.vignette:
        image = cv2.multiply(image, _vignette((h, w), sensor.vignette), scale=1 / 255)
    x, y = rng.randrange(64), rng.randrange(64)
    noise = sensor_noise((h, w))[y:y + h, x:x + w]
    return cv2.addWeighted(image, sensor.exposure, noise, sensor.noise, sensor.black - 128 * sensor.noise)


def _vignette(hw: tuple[int, int], strength: float) -> np.ndarray:
    """(H, W, 3) uint8, 255 in the middle."""
    y = np.linspace(-1, 1, 45)[:, None]
    x = np.linspace(-1, 1, 80)[None]
    small = (255 * (1 - strength * np.clip((x * x + y * y) / 2, 0, 1) ** 1.5)).astype(np.uint8)
    return cv2.cvtColor(cv2.resize(small, hw[::-1], interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR)


def _add_glows(image: np.ndarray, glows: list[Glow], wet: bool) -> None:
    """Add halos, and on a wet road their reflections, in place."""
    if not glows:
        return
    h, w = image.shape[:2]
    layer = np.zeros((h // GLOW_CELL + 1, w // GLOW_CELL + 1, 3), np.float32)
    for glow in glows:
        x, y, r = glow.centre[0] / GLOW_CELL, glow.centre[1] / GLOW_CELL, min(glow.radius / GLOW_CELL, 40)
        _blob(layer, x, y, max(r, 1.0), max(r, 1.0), glow.colour)
        if wet:
            _blob(layer, x, y + 9 * h / 720 + 3 * r, max(0.7 * r, 1.0), 4 * r + 6, tuple(0.22 * c for c in glow.colour))
    rows = np.flatnonzero(layer.any((1, 2)))
    if not len(rows):
        return
    first, last = int(rows[0]), int(rows[-1]) + 1
    band = np.minimum(layer[first:last], 255).astype(np.uint8)
    full = cv2.resize(band, (band.shape[1] * GLOW_CELL, band.shape[0] * GLOW_CELL), interpolation=cv2.INTER_LINEAR)
    part = image[first * GLOW_CELL:last * GLOW_CELL]
    cv2.add(part, full[:len(part), :w], dst=part)


def _blob(layer: np.ndarray, x: float, y: float, rx: float, ry: float, colour: tuple[float, float, float]) -> None:
    h, w = layer.shape[:2]
    x1, x2, y1, y2 = max(int(x - 3 * rx), 0), min(int(x + 3 * rx) + 2, w), max(int(y - 3 * ry), 0), min(
        int(y + 3 * ry) + 2, h)
    if x2 <= x1 or y2 <= y1:
        return
    across = ((np.arange(x1, x2) - x) / rx) ** 2
    down = ((np.arange(y1, y2) - y) / ry) ** 2
    falloff = np.exp(-1.2 * np.sqrt(across[None] + down[:, None] + 0.02)) * 0.9
    edge = np.clip(3 - np.sqrt(across[None] + down[:, None]), 0, 1)
    layer[y1:y2, x1:x2] += (falloff * edge)[..., None] * np.array(colour, np.float32)


def _rain(image: np.ndarray, light: Light, rng: Random) -> None:
    """Streaks and the veil of spray, in place."""
    h, w = image.shape[:2]
    x, y = rng.randrange(64), rng.randrange(64)
    streaks = rain_streaks((h, w))[y:y + h, x:x + w]
    strength = light.rain * (0.12 if light.dark else 0.3)
    cv2.addWeighted(image, 1 - 0.1 * light.rain, cv2.cvtColor(streaks, cv2.COLOR_GRAY2BGR), strength,
                    9 * light.rain * (0.3 if light.dark else 1), dst=image)
    for _ in range(int(light.rain * rng.randint(0, 14))):  # drops on the windscreen
        r = int(rng.uniform(5, 20) * h / 720)
        cx, cy = rng.randrange(r, w - r), rng.randrange(r, h - r)
        part = image[cy - r:cy + r, cx - r:cx + r]
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.ellipse(mask, (r, r), (max(r * 3 // 4, 1), r - 1), 0, 0, 360, 255, -1)
        cv2.copyTo(cv2.blur(part[::-1, ::-1], (r | 1, r | 1)), mask, part)


def paint_bonnet(painter: Painter, surface: int, rng: Random) -> None:
    """The ego vehicle's bonnet along the lower edge: in the picture, of no class."""
    h, w = painter.camera.hw
    rise = rng.uniform(0.03, 0.09) * h
    x = np.linspace(-0.02, 1.02, 24)
    y = h - rise * (1 - (2 * x - 1) ** 4 * rng.uniform(0.5, 1))
    outline = np.concatenate((np.stack((x * w, y), -1), [(1.02 * w, h + 2), (-0.02 * w, h + 2)]))
    grey = rng.uniform(20, 150)
    painter.fill([outline], painter.light.shade((grey, grey, grey), 1.0, (0, 1, 0)), surface)
    shine = outline.copy()
    shine[:24, 1] += 0.35 * rise
    painter.fill([shine], painter.light.shade((grey * 0.7,) * 3, 1.0, (0, 1, 0)), None)
