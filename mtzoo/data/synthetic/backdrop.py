"""Sky and horizon: what is painted before the ground."""

from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.textures import cloud_noise

CLOUD_HEIGHT = 900.0  # metres
CLOUD_METRES_PER_PIXEL = 9.0
SKY_CELL = 8  # the sky is made at an eighth of the size


def paint_sky(painter: Painter, surface: int, rng: Random) -> None:
    """A vertical gradient with clouds in perspective and, near the sun, a glare; fills the whole picture."""
    h, w = painter.camera.hw
    light, horizon = painter.light, painter.camera.centre[1]
    rows = max(int(horizon + 0.05 * h), 8)  # the horizon may be rolled
    t = np.clip(np.arange(rows)[:, None] / max(horizon, 1), 0, 1) ** rng.uniform(0.7, 1.6)
    column = np.array(light.zenith) * (1 - t) + np.array(light.haze_colour) * t  # (rows, 3)
    sky = np.repeat(column[::SKY_CELL, None].astype(np.float32), w // SKY_CELL, 1)  # small: clouds are soft
    if light.weather != "fog":
        _clouds(painter, sky, rng)
    if light.weather == "clear" and light.time != "night" and light.sun_dir[2] > 0.2:
        _glare(painter, sky)
    painter.image[:rows] = cv2.resize(np.clip(sky, 0, 255).astype(np.uint8), (w, rows), interpolation=cv2.INTER_LINEAR)
    painter.ids[:] = surface


def _clouds(painter: Painter, sky: np.ndarray, rng: Random) -> None:
    """Blend clouds of a plane high above into the small sky, in place."""
    camera, light, noise = painter.camera, painter.light, cloud_noise()
    h, w = sky.shape[:2]
    rows = np.arange(h) * float(SKY_CELL)
    depth = CLOUD_HEIGHT * camera.focal / np.maximum(camera.centre[1] - rows, 6.0)  # (h,)
    x = (np.arange(w) * float(SKY_CELL) - camera.centre[0]) / camera.focal * depth[:, None]  # (h, w)
    y = np.repeat(depth[:, None], w, 1)
    offset = (rng.uniform(0, noise.shape[1]), rng.uniform(0, noise.shape[0]))
    maps = ((x / CLOUD_METRES_PER_PIXEL + offset[0]).astype(np.float32),
            (y / CLOUD_METRES_PER_PIXEL + offset[1]).astype(np.float32))
    value = cv2.remap(noise, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    edge = 255 * (1 - light.clouds)
    level = np.arange(256, dtype=np.float32)
    alpha = cv2.LUT(value, np.clip((level - edge * 0.8) / 70, 0, 1) * rng.uniform(0.65, 0.95))  # (h, w)
    alpha = (alpha * np.clip((camera.centre[1] - rows) / 60, 0, 1)[:, None])[..., None].astype(np.float32)
    bright = {"day": 242, "dusk": 150, "night": 40}[light.time] * (1.0 if light.weather == "clear" else 0.85)
    tone = cv2.LUT(value, bright * (1.06 - 0.45 * level / 255))[..., None]
    warm = np.array((0.75, 0.85, 1.1) if light.time == "dusk" else (1.0, 0.99, 0.98), np.float32)
    sky += (tone * warm - sky) * alpha


def _glare(painter: Painter, sky: np.ndarray) -> None:
    """The sun's disc and halo in the small sky, in place."""
    sun = np.array(painter.light.sun_dir) * 1000 + (0, painter.camera.height, 0)
    x, y = painter.camera.project(sun) / SKY_CELL
    ys, xs = np.mgrid[:sky.shape[0], :sky.shape[1]].astype(np.float32)
    distance = np.sqrt((xs - np.float32(x)) ** 2 + (ys - np.float32(y)) ** 2) / sky.shape[0]
    halo = 170 * np.exp(-distance * 5) + 200 * (distance < 0.05)
    sky += halo[..., None] * np.array((0.7, 0.9, 1.0), np.float32)


def paint_horizon(painter: Painter, building: int, vegetation: int, rng: Random, town: bool) -> None:
    """Far hills, a tree line and, in a town, a skyline; they stand on the horizon."""
    rng = Random(rng.getrandbits(64))  # how much is drawn from it depends on the size of the picture
    w = painter.camera.hw[1]
    light, (_, horizon), unit = painter.light, painter.camera.centre, painter.camera.hw[0] / 720
    if rng.random() < 0.5:
        _ridge(painter, vegetation, rng, (70, 84, 66), 1500, rng.uniform(12, 45) * unit, 160 * unit)
    if town or rng.random() < 0.25:
        x = -rng.uniform(0, 60) * unit
        while x < w:
            width, height = rng.uniform(16, 80) * unit, rng.uniform(6, 62) * unit
            if rng.random() < 0.75:
                grey = rng.uniform(80, 175)
                tint = (grey * rng.uniform(0.85, 1.1), grey, grey * rng.uniform(0.9, 1.1))
                depth = rng.uniform(180, 600)
                box = np.array([(x, horizon - height), (x + width, horizon - height), (x + width, horizon + 3),
                                (x, horizon + 3)])
                painter.fill([box], light.shade(tint, depth), building)
                _far_windows(painter, box, tint, depth, rng)
            x += width * rng.uniform(0.6, 1.3)
    _ridge(painter, vegetation, rng, (46, 72, 54), 260, rng.uniform(4, 16) * unit, 9 * unit)


def _far_windows(painter: Painter, box: np.ndarray, tint: tuple, depth: float, rng: Random) -> None:
    """Stripes of storeys by day, lit windows else; details of the picture only."""
    h, w = painter.camera.hw
    (x1, y1), (x2, y2) = np.clip(box[[0, 2]], 0, (w, h)).astype(int)
    step = max(3, round(rng.uniform(4, 8) * h / 720))
    part = painter.image[y1 + 2:y2 - 2, x1 + 1:x2 - 1]
    if painter.light.time == "day":
        part[::step] = part[1::step] = painter.light.shade(tuple(0.72 * c for c in tint), depth)
        return
    windows = part[::step, ::step]
    lit = np.random.default_rng(rng.getrandbits(32)).random(windows.shape[:2]) < 0.3
    lamp = painter.light.shade((110, 190, 240), depth, emit=0.8)
    for dy in (0, 1):
        for dx in (0, 1):
            cells = part[dy::step, dx::step]
            cells[lit[:cells.shape[0], :cells.shape[1]]] = lamp


def _ridge(painter: Painter, surface: int, rng: Random, albedo: tuple, depth: float, height: float,
           cell: float) -> None:
    """A jagged silhouette along the horizon, `height` pixels high at most, with humps of `cell` pixels."""
    w, (_, horizon) = painter.camera.hw[1], painter.camera.centre
    count = int(w / cell) + 3
    knots = np.array([rng.uniform(0.2, 1.0) for _ in range(count)])
    x = np.arange(0, w + 5, 5.0)
    y = horizon - height * np.interp(x, np.arange(count) * cell, knots)
    if cell < 40:
        y += np.array([rng.uniform(-0.15, 0.15) * height for _ in x])
    outline = np.concatenate((np.stack((x, y), -1), [(w + 5, horizon + 4), (0, horizon + 4)]))
    painter.fill([outline], painter.light.shade(albedo, depth), surface)
