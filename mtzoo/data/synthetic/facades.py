"""Facade textures of buildings, painted once per process: a wall by day and the light of its windows by night."""

from dataclasses import dataclass
from functools import cache
from random import Random

import cv2
import numpy as np

BAY_PIXELS = 40  # one window bay, and one storey, of about three metres
BAYS, STOREYS = 8, 7
WALLS = ((150, 165, 180), (96, 120, 160), (70, 84, 132), (185, 192, 196), (140, 150, 150), (120, 150, 178),
         (170, 170, 160), (110, 116, 122), (150, 185, 205), (80, 92, 100), (160, 140, 130), (190, 200, 190))


@dataclass(frozen=True)
class Facade:
    """wall: (STOREYS * BAY_PIXELS, BAYS * BAY_PIXELS, 3) uint8 albedo, storey 0 (shops) at the bottom; lamps: the same
    size, what shines by itself at night."""

    wall: np.ndarray
    lamps: np.ndarray


def _window(wall: np.ndarray, lamps: np.ndarray, rng: Random, style: int, box: tuple[int, int, int, int]) -> None:
    x1, y1, x2, y2 = box
    glass = rng.choice(((92, 78, 64), (120, 104, 88), (60, 52, 46), (168, 150, 132), (76, 70, 70)))
    frame = (205, 208, 210) if style % 2 else (70, 72, 78)
    cv2.rectangle(wall, (x1 - 2, y1 - 2), (x2 + 2, y2 + 2), frame, -1)
    cv2.rectangle(wall, (x1, y1), (x2, y2), glass, -1)
    bright = tuple(min(255, c * 1.35) for c in glass)
    cv2.fillPoly(wall, [np.array([(x1, y2), (x1, y1 + 4), (x2 - 6, y1), (x2, y1)], np.int32)], bright)
    if style % 3 == 0:
        cv2.line(wall, ((x1 + x2) // 2, y1), ((x1 + x2) // 2, y2), frame, 2)
    if rng.random() < 0.3:
        cv2.rectangle(wall, (x1, y1), (x2, y1 + rng.randint(4, max(5, y2 - y1))), (196, 202, 205), -1)
    if rng.random() < 0.3:
        lamp = rng.choice(((120, 190, 235), (150, 200, 225), (190, 205, 210), (90, 160, 220)))
        cv2.rectangle(lamps, (x1, y1), (x2, y2), lamp, -1)


def _ground_floor(wall: np.ndarray, lamps: np.ndarray, rng: Random) -> None:
    h, w, p = *wall.shape[:2], BAY_PIXELS
    cv2.rectangle(wall, (0, h - p), (w, h), rng.choice(((90, 96, 104), (120, 130, 140), (60, 62, 70))), -1)
    for bay in range(BAYS):
        x = bay * p
        kind = rng.random()
        if kind < 0.55:  # a shop: window, awning or name board
            cv2.rectangle(wall, (x + 3, h - p + 12), (x + p - 3, h - 5), (86, 80, 74), -1)
            cv2.rectangle(wall, (x + 6, h - p + 20), (x + p - 12, h - 10), (110, 104, 100), -1)
            board = tuple(rng.randint(30, 220) for _ in range(3))
            cv2.rectangle(wall, (x + 1, h - p + 3), (x + p - 1, h - p + 12), board, -1)
            cv2.line(wall, (x + 6, h - p + 8), (x + p - 8, h - p + 8), (235, 235, 235), 2)
            if rng.random() < 0.6:
                cv2.rectangle(lamps, (x + 3, h - p + 12), (x + p - 3, h - 5), (130, 180, 215), -1)
                cv2.rectangle(lamps, (x + 1, h - p + 3), (x + p - 1, h - p + 12), board, -1)
        elif kind < 0.75:
            door = tuple(rng.randint(30, 120) for _ in range(3))
            cv2.rectangle(wall, (x + 11, h - p + 9), (x + p - 11, h), door, -1)
            cv2.rectangle(wall, (x + 13, h - p + 11), (x + p - 13, h - p + 18), (150, 140, 130), -1)


def _paint(style: int) -> Facade:
    rng = Random(100 + style)
    h, w, p = STOREYS * BAY_PIXELS, BAYS * BAY_PIXELS, BAY_PIXELS
    wall = np.empty((h, w, 3), np.uint8)
    wall[:] = WALLS[style % len(WALLS)]
    lamps = np.zeros_like(wall)
    if style % 3 == 1:  # bricks
        for row, y in enumerate(range(0, h, 4)):
            wall[y] = wall[y] * 0.82
            wall[y:y + 4, (row % 2) * 4::8] = wall[y:y + 4, (row % 2) * 4::8] * 0.85
    grain = np.random.default_rng(style).normal(1, 0.05, (h // 2, w // 2, 1)).repeat(2, 0).repeat(2, 1)
    wall[:] = np.clip(wall * grain, 0, 255)
    top, side = rng.randint(7, 12), rng.randint(5, 12)
    ribbon = style % 5 == 4  # an office block: bands of glass
    for storey in range(STOREYS - 1):
        y = storey * p
        if style % 4 == 2:
            cv2.line(wall, (0, y + p - 1), (w, y + p - 1), tuple(0.75 * c for c in WALLS[style % len(WALLS)]), 2)
        for bay in range(BAYS):
            margin = 1 if ribbon else side
            _window(wall, lamps, rng, style, (bay * p + margin, y + top, (bay + 1) * p - margin, y + p - 9))
            if style % 6 == 3 and bay % 2:
                cv2.rectangle(wall, (bay * p + 1, y + p - 14), ((bay + 1) * p - 1, y + p - 4), (150, 152, 156), -1)
    _ground_floor(wall, lamps, rng)
    return Facade(wall, lamps)


@cache
def facades() -> tuple[tuple[Facade, ...], ...]:
    """Fifteen styles, each at full size and halved up to three times (BAY_PIXELS / 2 ** level a bay)."""
    styles = []
    for style in range(15):
        levels = [_paint(style)]
        for _ in range(3):
            levels.append(Facade(*(cv2.resize(t, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
                                   for t in (levels[-1].wall, levels[-1].lamps))))
        styles.append(tuple(levels))
    return tuple(styles)
