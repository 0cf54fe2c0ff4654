"""What the details painted on vehicles are made of: paints, styles, outlines, lamps. Coordinates (u, v) in [0, 1] from the lower
left of a face as seen from outside."""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random
from typing import NamedTuple

from mtzoo.data.synthetic.light import Colour

PAINTS = ((200, 202, 204), (228, 230, 230), (38, 38, 40), (72, 72, 76), (130, 132, 134), (40, 38, 150), (120, 60, 30),
          (160, 100, 40), (60, 80, 40), (50, 110, 160), (95, 130, 150), (30, 40, 70), (175, 165, 150), (40, 140, 200),
          (90, 60, 110), (150, 150, 60), (70, 95, 120), (180, 190, 195))
LIVERIES = ((60, 60, 200), (200, 120, 40), (50, 170, 230), (60, 150, 60), (220, 220, 220), (40, 40, 44), (40, 120, 230))
GLASS = (62, 54, 48)
CIRCLE = tuple((cos(pi * k / 6), sin(pi * k / 6)) for k in range(12))


class Decal(NamedTuple):
    """uv: a convex outline; emit 0..1: shines by itself; coarse: painted however small the vehicle is."""

    uv: tuple[tuple[float, float], ...]
    albedo: Colour
    emit: float = 0.0
    coarse: bool = False


@dataclass(frozen=True)
class Style:
    """Looks of one vehicle. lamps: 0 corner blocks, 1 bars, 2 a strip across, 3 round; lamp_height: of the lamps, as a
    share of the vehicle's height; ad: colour of the livery's band, None for a plain side."""

    paint: Colour
    second: Colour
    rim: Colour
    plate: Colour
    lamps: int
    lamps_on: bool
    braking: bool
    turning: int
    tint: float
    lamp_height: float
    ad: Colour | None
    seed: int

    def block_colour(self, role: str) -> Colour:
        """Paint of a block by its role."""
        if role == "chassis":
            return (28, 28, 30)
        if role == "cargo":
            return self.second
        return self.paint

    @property
    def glass(self) -> Colour:
        """Window glass, darker if tinted."""
        return tuple(c * self.tint for c in GLASS)


def sample_style(rng: Random, lamps_on: bool) -> Style:
    """Random paint, lamps and plates."""
    paint = tuple(min(255.0, max(12.0, c * rng.uniform(0.8, 1.15) + rng.uniform(-8, 8))) for c in rng.choice(PAINTS))
    return Style(
        paint, rng.choice(LIVERIES + PAINTS[:3]), tuple([rng.uniform(70, 190)] * 3),
        rng.choice(((225, 228, 228), (225, 228, 228), (70, 200, 230), (190, 110, 50))), rng.randrange(4),
        lamps_on and rng.random() < 0.93 or rng.random() < 0.12, rng.random() < 0.3,
        rng.choice((0, 0, 0, 0, -1, 1)), rng.uniform(0.5, 1.8), rng.uniform(0.42, 0.55),
        rng.choice(LIVERIES) if rng.random() < 0.5 else None, rng.randrange(1 << 30))


def rect(u1: float, v1: float, u2: float, v2: float, albedo: Colour, emit: float = 0.0, coarse: bool = False) -> Decal:
    """An axis-parallel decal."""
    return Decal(((u1, v1), (u2, v1), (u2, v2), (u1, v2)), albedo, emit, coarse)


def shape(points: list[tuple[float, float]], albedo: Colour, emit: float = 0.0, coarse: bool = False) -> Decal:
    """A decal of any outline."""
    return Decal(tuple(points), albedo, emit, coarse)


def disc(u: float, v: float, ru: float, rv: float, albedo: Colour, emit: float = 0.0) -> Decal:
    """An elliptic decal."""
    return Decal(tuple((u + ru * c, v + rv * s) for c, s in CIRCLE), albedo, emit, True)


def dim(colour: Colour, gain: float) -> Colour:
    """The colour, darker or brighter."""
    return tuple(min(255.0, c * gain) for c in colour)


def _lamp_pair(style: Style, albedo: Colour, emit: float, v: tuple[float, float], width: float) -> list[Decal]:
    """Two lamps at the sides of a face between heights v."""
    v1, v2 = v
    if style.lamps == 3:
        return [disc(u, (v1 + v2) / 2, width * 0.45, (v2 - v1) * 0.48, albedo, emit) for u in (width * .6, 1 - width * .6)]
    if style.lamps == 2:
        thin = rect(0.02, v2 - (v2 - v1) * 0.35, 0.98, v2, dim(albedo, 0.75), emit, True)
        return [thin, *_lamp_pair_blocks(albedo, emit, v1, v2, width)]
    return _lamp_pair_blocks(albedo, emit, v1, v2, width * (1.5 if style.lamps == 1 else 1.0))


def _lamp_pair_blocks(albedo: Colour, emit: float, v1: float, v2: float, width: float) -> list[Decal]:
    left = [(0.01, v1), (width, v1 + (v2 - v1) * 0.15), (width * 0.9, v2), (0.01, v2)]
    right = [(1 - u, v) for u, v in left[::-1]]
    return [shape(left, albedo, emit, True), shape(right, albedo, emit, True)]


def rear_lamps(style: Style, v: tuple[float, float], width: float) -> list[Decal]:
    """Red lamps between heights v, brighter if they brake, and a blinker."""
    albedo = (40, 40, 235) if style.braking else (34, 30, 175)
    emit = 0.95 if style.braking else 0.75 if style.lamps_on else 0.0
    lamps = _lamp_pair(style, albedo, emit, v, width)
    if style.turning:
        u = 0.06 if style.turning < 0 else 0.94
        lamps.append(disc(u, (v[0] + v[1]) / 2, 0.04, 0.06, (40, 150, 250), 0.9))
    return lamps


def front_lamps(style: Style, v: tuple[float, float], width: float) -> list[Decal]:
    """Head lamps between heights v."""
    albedo = (250, 252, 252) if style.lamps_on else (205, 205, 200)
    return _lamp_pair(style, albedo, 0.95 if style.lamps_on else 0.15, v, width)
