"""Textures made once per process from fixed seeds: noise, ground, foliage, facades. All cached."""

from functools import cache
from math import cos, pi, sin
from random import Random

import cv2
import numpy as np

GROUND_PIXELS_PER_METRE = 40
GROUND_METRES = 36


def _noise(rng: np.random.Generator, hw: tuple[int, int], cell: float) -> np.ndarray:
    """Smooth noise with features of `cell` pixels, float32, standard deviation about 1."""
    h, w = max(int(hw[0] / cell), 2), max(int(hw[1] / cell), 2)
    coarse = rng.standard_normal((h, w), dtype=np.float32)
    return cv2.resize(coarse, (hw[1], hw[0]), interpolation=cv2.INTER_CUBIC)


@cache
def cloud_noise() -> np.ndarray:
    """(512, 1024) uint8 fractal noise, the full range."""
    rng = np.random.default_rng(11)
    total = sum(_noise(rng, (512, 1024), cell) * weight for cell, weight in ((128, 1), (64, .6), (32, .4), (16, .22),
                                                                            (8, .12), (4, .06)))
    return cv2.normalize(total, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@cache
def ground_gain(kind: str) -> np.ndarray:
    """(S, S) uint8 brightness gain of a ground, 128 = 1: "asphalt", "grass" or "pavement", GROUND_METRES on a side."""
    size = GROUND_PIXELS_PER_METRE * GROUND_METRES
    rng = np.random.default_rng({"asphalt": 1, "grass": 2, "pavement": 3}[kind])
    scales = {"asphalt": ((2, 5), (12, 3), (160, 6)), "grass": ((3, 14), (14, 14), (90, 12)),
              "pavement": ((2, 5), (30, 4), (200, 5))}[kind]
    total = sum(_noise(rng, (size, size), cell) * weight for cell, weight in scales) + 128
    gain = np.clip(total, 30, 230).astype(np.uint8)
    painter = Random(5)
    if kind == "asphalt":
        _scar(gain, painter, size)
    if kind == "pavement":
        step = GROUND_PIXELS_PER_METRE * 3 // 4
        gain[::step] = gain[1::step] = gain[:, ::step] = gain[:, 1::step] = 92
        for _ in range(400):
            x, y = painter.randrange(size // step) * step, painter.randrange(size // step) * step
            gain[y + 2:y + step, x + 2:x + step] = np.clip(
                gain[y + 2:y + step, x + 2:x + step].astype(np.int16) + painter.randint(-14, 12), 0, 255)
    return cv2.GaussianBlur(gain, (3, 3), 0.6)


def _scar(gain: np.ndarray, rng: Random, size: int) -> None:
    """Cracks, tar seams, patches and stains on asphalt, in place."""
    for _ in range(15):
        x, y = rng.randrange(size), rng.randrange(size)
        half = (rng.randint(20, 90), rng.randint(30, 140))
        shade = rng.choice((104, 112, 142, 150))
        part = gain[max(y - half[1], 0):y + half[1], max(x - half[0], 0):x + half[0]]
        part[:] = np.clip(part.astype(np.int16) + shade - 128, 0, 255)
    for _ in range(32):
        x, y, angle = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0, 2 * pi)
        points = []
        for _ in range(rng.randint(8, 30)):
            points.append((x, y))
            angle += rng.gauss(0, 0.5)
            x, y = x + 16 * cos(angle), y + 16 * sin(angle)
        cv2.polylines(gain, [np.array(points, np.int32)], False, rng.choice((84, 96, 106)), rng.choice((1, 1, 1, 2)),
                      cv2.LINE_AA)
    for _ in range(34):
        centre = (rng.randrange(size), rng.randrange(size))
        cv2.ellipse(gain, centre, (rng.randint(3, 18), rng.randint(3, 26)), rng.uniform(0, 180), 0, 360,
                    rng.choice((88, 100, 112)), -1, cv2.LINE_AA)


@cache
def sensor_noise(hw: tuple[int, int]) -> np.ndarray:
    """(H + 64, W + 64, 3) uint8 noise around 128: fine grain with a little of a coarser, chroma-like part."""
    h, w = hw[0] + 64, hw[1] + 64
    rng = np.random.default_rng(17)
    fine = rng.standard_normal((h, w, 3), dtype=np.float32) * 18
    coarse = cv2.resize(rng.standard_normal((h // 2, w // 2, 3), dtype=np.float32) * 12, (w, h))
    return np.clip(fine + coarse + 128, 0, 255).astype(np.uint8)


@cache
def rain_streaks(hw: tuple[int, int]) -> np.ndarray:
    """(H + 64, W + 64) uint8: bright slanted streaks on black."""
    h, w = hw[0] + 64, hw[1] + 64
    rng = Random(23)
    layer = np.zeros((h, w), np.uint8)
    for _ in range(int(900 * w / 1280)):
        x, y, length = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.015, 0.06) * h
        end = (int(x - 0.12 * length), int(y + length))
        cv2.line(layer, (int(x), int(y)), end, rng.randint(60, 220), 1, cv2.LINE_AA)
    return cv2.GaussianBlur(layer, (3, 3), 0.8)


LEAVES = ((52, 92, 62), (40, 84, 50), (48, 104, 84), (70, 100, 66), (34, 68, 46), (46, 120, 112), (50, 100, 150),
          (58, 118, 74))
TREE_KINDS = ("round", "tall", "conifer", "bush", "bare", "round", "bush", "tall", "round", "conifer", "bush", "round",
              "bare", "tall")
STREET_TREES, ANY_TREE, BUSH = ("round", "tall", "bare"), ("round", "tall", "bare", "conifer"), ("bush",)


def _crown(kind: str, rng: Random) -> list[tuple[float, float, float]]:
    """Leaf clumps (x, y, radius) in a unit square, y down, in random order."""
    clumps = []
    middle = (0.5, rng.uniform(0.3, 0.4), rng.uniform(0.2, 0.26))
    lobes = [middle] * 3
    for _ in range(7):
        angle, reach = rng.uniform(0, 2 * pi), rng.uniform(0.8, 1.15) * middle[2]
        lobes.append((0.5 + reach * cos(angle), middle[1] + 0.8 * reach * sin(angle), rng.uniform(0.08, 0.15)))
    for _ in range(1100):
        angle, reach = rng.uniform(0, 2 * pi), rng.random() ** 0.5
        if kind == "conifer":
            level = rng.random() ** 0.7
            width = 0.03 + 0.36 * level * (0.7 + 0.3 * ((level * 8) % 1))
            x, y = 0.5 + width * rng.uniform(-1, 1), 0.03 + 0.87 * level
        elif kind == "bush":
            x, y = 0.5 + 0.44 * reach * cos(angle), 0.66 + 0.3 * reach * sin(angle)
        elif kind == "tall":
            wave = 1 + 0.15 * sin(9 * angle)
            x, y = 0.5 + 0.22 * reach * wave * cos(angle), 0.42 + 0.4 * reach * wave * sin(angle)
        else:
            cx, cy, r = rng.choice(lobes)
            x, y = cx + r * reach * cos(angle), cy + r * reach * sin(angle)
        clumps.append((x, y, rng.uniform(0.007, 0.027)))
    return clumps


def _branches(sprite: np.ndarray, rng: Random, start: tuple[float, float], angle: float, length: float,
              width: float) -> None:
    """A bare tree, recursively, in place."""
    size = sprite.shape[0]
    end = (start[0] + length * cos(angle), start[1] - length * sin(angle))
    pixels = [(int(p[0] * size), int(p[1] * size)) for p in (start, end)]
    shade = rng.uniform(0.7, 1.2)
    cv2.line(sprite, *pixels, (52 * shade, 60 * shade, 72 * shade, 255), max(1, int(width * size)))
    if length > 0.05:
        for _ in range(3):
            _branches(sprite, rng, end, angle + rng.gauss(0, 0.5), length * rng.uniform(0.6, 0.82), width * 0.62)


def _levels(sprite: np.ndarray) -> tuple[np.ndarray, ...]:
    """The sprite, halved again and again; colour spreads into the transparent so that no dark rim appears."""
    solid = (sprite[..., 3:] > 0).astype(np.float32)
    blurred, weight = cv2.blur(sprite[..., :3] * solid, (9, 9)), cv2.blur(solid, (9, 9))[..., None]
    spread = np.where(weight > 0, blurred / np.maximum(weight, 1e-6), (50, 80, 60))
    levels = [np.concatenate((np.where(solid > 0, sprite[..., :3], spread), sprite[..., 3:]), -1).astype(np.uint8)]
    for _ in range(4):
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return tuple(levels)


@cache
def tree_sprites() -> tuple[tuple[str, tuple[np.ndarray, ...]], ...]:
    """(kind, levels) of the trees and bushes of TREE_KINDS; each level (S, S, 4) uint8 BGRA, half the one before; the trunk's
    foot is at the bottom centre."""
    rng, size, sprites = Random(29), 288, []
    for index, kind in enumerate(TREE_KINDS):
        sprite = np.zeros((size, size, 4), np.uint8)
        leaf = LEAVES[index % len(LEAVES)]
        if kind == "bare":
            _branches(sprite, rng, (0.5, 1.0), pi / 2, 0.27, 0.035)
            sprites.append((kind, _levels(sprite)))
            continue
        if kind != "bush":
            half = rng.uniform(0.012, 0.03)
            foot = [(0.5 - half, 1), (0.5 + half, 1), (0.5 + half * .6, .4), (0.5 - half * .6, .4)]
            cv2.fillPoly(sprite, [np.rint(np.array(foot) * size).astype(np.int32)], (44, 58, 76, 255))
        for x, y, radius in _crown(kind, rng):
            # Lit from above and the left, dark inside and below.
            shade = 0.62 + 0.6 * (0.75 - y) + 0.25 * (0.5 - x) + rng.choice((-.24, -.1, 0, .1, .26))
            colour = tuple(min(255, c * shade) for c in leaf)
            axes = (max(1, int(radius * size)), max(1, int(radius * size * rng.uniform(.5, 1))))
            cv2.ellipse(sprite, (int(x * size), int(y * size)), axes, rng.uniform(0, 180), 0, 360, (*colour, 255), -1)
        grain = np.random.default_rng(index).normal(1, 0.16, (size, size, 1))
        sprite[..., :3] = np.clip(sprite[..., :3] * grain, 0, 255).astype(np.uint8)
        sprites.append((kind, _levels(sprite)))
    return tuple(sprites)
