"""Traffic signs and lights: plates with pictograms, housings with lamps."""

from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin
from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.light import Colour
from mtzoo.data.synthetic.painter import Painter

POLE_SEG, SIGN_SEG, TRAFFIC_LIGHT_SEG = 2, 6, 11
SIZE = 96  # pixels of a sign's texture
RED, BLUE, WHITE, BLACK, YELLOW, GREEN = ((40, 36, 190), (160, 88, 30), (232, 234, 234), (34, 34, 36), (50, 200, 245),
                                          (90, 120, 30))
STEEL = (128, 130, 130)


def _polygon(sides: int, turn: float, radius: float = 0.5) -> np.ndarray:
    angle = np.arange(sides) * 2 * pi / sides + turn
    return np.stack((0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)), -1)


DISC, TRIANGLE, YIELD = _polygon(24, 0), _polygon(3, -pi / 2, 0.56), _polygon(3, pi / 2, 0.56)
OCTAGON, DIAMOND = _polygon(8, pi / 8), _polygon(4, 0)
SQUARE = np.array([(0.03, 0.03), (0.97, 0.03), (0.97, 0.97), (0.03, 0.97)])
TALL = np.array([(0.16, 0.02), (0.84, 0.02), (0.84, 0.98), (0.16, 0.98)])


@dataclass(frozen=True)
class Design:
    """outline: (n, 2) of the plate in the unit square, v downwards; texture: (SIZE, SIZE, 3) uint8."""

    outline: np.ndarray
    texture: np.ndarray


def _design(outline: np.ndarray, rings: tuple[tuple[float, Colour], ...], symbol: str, ink: Colour) -> Design:
    """Nested copies of the outline (scale, colour), then a symbol: text, "bar", "man", "arrow-l/r/u" or "dash"."""
    texture = np.full((SIZE, SIZE, 3), rings[0][1], np.uint8)
    centre = outline.mean(0)
    for scale, colour in rings:
        points = ((outline - centre) * scale + centre) * SIZE
        cv2.fillPoly(texture, [np.rint(points * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
    cx, cy = centre * SIZE
    if symbol == "bar":
        cv2.rectangle(texture, (int(cx - 30), int(cy - 7)), (int(cx + 30), int(cy + 7)), ink, -1)
    elif symbol == "man":
        cv2.circle(texture, (int(cx), int(cy - 20)), 6, ink, -1, cv2.LINE_AA)
        for dx, dy, ex, ey in ((0, -14, 0, 6), (0, -10, -12, 2), (0, -10, 12, 2), (0, 6, -10, 26), (0, 6, 11, 25)):
            cv2.line(texture, (int(cx + dx), int(cy + dy)), (int(cx + ex), int(cy + ey)), ink, 5, cv2.LINE_AA)
    elif symbol.startswith("arrow"):
        angle = {"l": pi, "r": 0.0, "u": -pi / 2}[symbol[-1]]
        tip, tail = (cx + 26 * cos(angle), cy + 26 * sin(angle)), (cx - 24 * cos(angle), cy - 24 * sin(angle))
        cv2.arrowedLine(texture, tuple(map(int, tail)), tuple(map(int, tip)), ink, 8, cv2.LINE_AA, tipLength=0.45)
    elif symbol == "diag":
        cv2.line(texture, (int(cx - 24), int(cy - 24)), (int(cx + 24), int(cy + 24)), ink, 8, cv2.LINE_AA)
    elif symbol:
        scale = {1: 2.0, 2: 1.35, 3: 0.95}.get(len(symbol), 0.8)
        (w, h), _ = cv2.getTextSize(symbol, cv2.FONT_HERSHEY_DUPLEX, scale, 4)
        cv2.putText(texture, symbol, (int(cx - w / 2), int(cy + h / 2)), cv2.FONT_HERSHEY_DUPLEX, scale, ink, 4,
                    cv2.LINE_AA)
    return Design(outline, texture)


@cache
def designs() -> tuple[Design, ...]:
    """Prohibitions, warnings, orders, information: about three dozen plates."""
    limit = ((1.0, RED), (0.76, WHITE))
    warn, warn_yellow = ((1.0, RED), (0.68, WHITE)), ((1.0, BLACK), (0.9, YELLOW))
    out = [_design(DISC, limit, text, BLACK) for text in ("20", "30", "40", "50", "60", "70", "80", "100", "120", "")]
    out += [_design(DISC, ((1.0, RED),), "bar", WHITE), _design(DISC, ((1.0, RED), (0.8, BLUE)), "diag", RED),
            _design(OCTAGON, ((1.0, WHITE), (0.92, RED)), "STOP", WHITE), _design(YIELD, warn, "", BLACK),
            _design(OCTAGON, ((1.0, WHITE), (0.92, RED)), "STOP", WHITE)]
    out += [_design(TRIANGLE, warn, symbol, BLACK) for symbol in ("!", "man", "arrow-u", "X", "Z")]
    out += [_design(DIAMOND, warn_yellow, symbol, BLACK) for symbol in ("man", "arrow-l", "arrow-r", "T")]
    out += [_design(DISC, ((1.0, BLUE),), symbol, WHITE) for symbol in ("arrow-r", "arrow-u", "arrow-l", "man")]
    out += [_design(SQUARE, ((1.0, WHITE), (0.94, BLUE)), symbol, WHITE) for symbol in ("P", "man", "H", "arrow-u")]
    out += [_design(TALL, ((1.0, WHITE), (0.95, colour)), symbol, WHITE) for colour, symbol in
            ((BLUE, "P"), (GREEN, "A7"), (BLUE, "U"), (GREEN, "12"))]
    out += [_design(DIAMOND, ((1.0, WHITE), (0.85, YELLOW)), "", BLACK), _design(TALL, ((1.0, BLACK), (.94, WHITE)),
                                                                                "25", BLACK)]
    return tuple(out)


@dataclass(frozen=True)
class Sign:
    """Plates on a post: designs from top to bottom; centre of the top plate at `height`; size in metres; yaw 0 faces
    the camera; arm: shift of the plates from the post in metres."""

    plates: tuple[int, ...]
    size: float
    height: float
    x: float
    z: float
    yaw: float
    arm: float = 0.0
    ground: float = 0.0

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2 of the post."""
        return self.x - 0.1, self.x + 0.1, self.z - 0.1, self.z + 0.1

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """The post's."""
        return post_shadow(self.x, self.z, 0.05, self.height, sun)

    def draw(self, painter: Painter) -> None:
        """Post first, plates before it."""
        if not painter.room(len(self.plates) + 1):
            return
        pole = painter.surface(POLE_SEG)
        paint_post(painter, pole, self.x, self.z + 0.03, self.ground, self.height + 0.1, 0.035, STEEL)
        if self.arm:
            paint_arm(painter, pole, self.x, self.x + self.arm, self.z + 0.03, self.height, 0.03)
        right = np.array((cos(self.yaw), 0.0, sin(self.yaw))) * self.size
        down = np.array((0.0, -self.size, 0.0))
        for i, index in enumerate(self.plates):
            design = designs()[index]
            middle = np.array((self.x + self.arm, self.height - i * self.size * 1.04, self.z))
            origin = middle - right / 2 - down / 2
            to_image = painter.camera.plane(origin, right, down) @ np.diag((1 / SIZE, 1 / SIZE, 1))
            corners = origin + design.outline[:, :1] * right + design.outline[:, 1:] * down
            outline = painter.camera.project(corners)
            surface = painter.surface(SIGN_SEG)
            texture = lit_texture(painter, design.texture, self.x, self.z, np.ptp(outline[:, 0]))
            scale = SIZE / texture.shape[0]
            painter.texture(texture, to_image @ np.diag((scale, scale, 1)), outline, surface)
            painter.seal("sign", (surface,), outline)


def lit_texture(painter: Painter, texture: np.ndarray, x: float, z: float, pixels: float) -> np.ndarray:
    """A sign's texture as lit at (x, z), minified beforehand if it will be `pixels` wide; it shines back headlights."""
    while texture.shape[1] > 2.2 * pixels and min(texture.shape[:2]) > 8:
        texture = cv2.pyrDown(texture)
    boost = 1.0 + 2.2 * painter.light.beam(x * 0.5, z)
    return painter.lit(texture, z, (0, 0, -1.0), x, (boost, boost, boost))


def paint_post(painter: Painter, surface: int, x: float, z: float, y1: float, y2: float, radius: float,
               albedo: Colour) -> None:
    """A vertical round post: two tones and a label at least a pixel wide."""
    r = max(radius, 0.5 / painter.camera.pixels_per_metre(z))
    painter.polygon(np.array([(x - r, y1, z), (x + r, y1, z), (x + r * .8, y2, z), (x - r * .8, y2, z)]), albedo,
                    surface, (0, 0, -1.0))
    if painter.camera.pixels_per_metre(z) * radius > 1.5:
        side = -1 if painter.light.sun_dir[0] < 0 else 1
        a, b = sorted((x + side * r * 0.2, x + side * r * 0.7))
        painter.polygon(np.array([(a, y1, z), (b, y1, z), (b, y2, z), (a, y2, z)]), tuple(1.3 * c for c in albedo),
                        None, (0, 0, -1.0))


def paint_arm(painter: Painter, surface: int, x1: float, x2: float, z: float, y: float, radius: float) -> None:
    """A horizontal arm across the view."""
    r = max(radius, 0.5 / painter.camera.pixels_per_metre(z))
    painter.polygon(np.array([(x1, y - r, z), (x2, y - r, z), (x2, y + r, z), (x1, y + r, z)]), STEEL, surface,
                    (0, 0, -1.0))


def post_shadow(x: float, z: float, half: float, height: float, sun: tuple[float, float]) -> list[np.ndarray]:
    """A thin strip on the ground; none without sun."""
    if sun == (0.0, 0.0):
        return []
    end = np.array((x + sun[0] * height, 0.0, z + sun[1] * height))
    across = np.array((-sun[1], 0.0, sun[0])) / (np.hypot(*sun) + 1e-6) * half
    foot = np.array((x, 0.0, z))
    return [np.array((foot - across, foot + across, end + across, end - across))]


LAMPS = ((50, 50, 245), (60, 190, 250), (120, 220, 60))  # red, amber, green


@dataclass(frozen=True)
class TrafficLight:
    """Housings on a post: at the post (height, x shift 0) and, with an arm, over the road.

    housings: (x shift, y of the lower edge, horizontal); lit: lamps that shine, 0 red, 1 amber, 2 green.
    """

    housings: tuple[tuple[float, float, bool], ...]
    lit: tuple[int, ...]
    plate: bool
    dark_case: bool
    x: float
    z: float
    ground: float = 0.0

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2 of the post."""
        return self.x - 0.15, self.x + 0.15, self.z - 0.15, self.z + 0.15

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """The post's."""
        return post_shadow(self.x, self.z, 0.07, max(y for _, y, _ in self.housings) + 0.5, sun)

    def draw(self, painter: Painter) -> None:
        """Post, arm, then each housing as an object of its own."""
        if not painter.room(len(self.housings) + 1):
            return
        pole = painter.surface(POLE_SEG)
        top = max(y for _, y, _ in self.housings) + 0.6
        paint_post(painter, pole, self.x, self.z + 0.1, self.ground, top, 0.07, (96, 100, 102))
        reach = [dx for dx, _, _ in self.housings if abs(dx) > 0.6]
        if reach:
            x1, x2 = sorted((self.x, self.x + max(reach, key=abs)))
            paint_arm(painter, pole, x1, x2, self.z + 0.1, top - 0.12, 0.05)
        for dx, y, flat in self.housings:
            self._housing(painter, self.x + dx, y, flat)

    def _housing(self, painter: Painter, x: float, y: float, flat: bool) -> None:
        long, short = 0.98, 0.34
        w, h = (long, short) if flat else (short, long)
        surface = painter.surface(TRAFFIC_LIGHT_SEG)
        case = (34, 36, 36) if self.dark_case else (50, 130, 160) if self.plate else (48, 70, 46)
        pad = 0.1 if self.plate else 0.0
        outer = np.array([(x - w / 2 - pad, y - pad, self.z), (x + w / 2 + pad, y - pad, self.z),
                          (x + w / 2 + pad, y + h + pad, self.z), (x - w / 2 - pad, y + h + pad, self.z)])
        outline = painter.polygon(outer, (26, 26, 28) if self.plate else case, surface, (0, 0, -1.0))
        if not len(outline):
            return
        if self.plate:
            inner = outer + np.array([(pad, pad, 0), (-pad, pad, 0), (-pad, -pad, 0), (pad, -pad, 0)])
            painter.polygon(inner, case, None, (0, 0, -1.0))
        angle = np.linspace(0, 2 * pi, 14, endpoint=False)
        for lamp in range(3):
            shift = (lamp - 1) * 0.31
            cx, cy = (x + shift, y + h / 2) if flat else (x, y + h / 2 - shift)
            ring = np.stack((np.cos(angle), np.sin(angle), 0 * angle), -1)
            lit = lamp in self.lit
            dim = tuple(0.16 * c + 14 for c in LAMPS[lamp])
            hood = np.array((cx, cy + 0.025, self.z)) + ring * 0.145
            painter.polygon(hood, (16, 16, 18), None, (0, 0, -1.0))
            painter.polygon(np.array((cx, cy, self.z)) + ring * 0.11, LAMPS[lamp] if lit else dim, None, (0, 0, -1.0),
                            0.97 if lit else 0.0)
            if lit:
                gain = 0.8 if painter.light.dark else 0.25
                painter.glow(np.array((cx, cy, self.z)), 0.45, tuple(gain * c for c in LAMPS[lamp]), surface)
        painter.seal("traffic_light", (surface,), outline)


def sample_traffic_light(rng: Random, lit: tuple[int, ...], reach: float) -> tuple[tuple[tuple[float, float, bool], ...],
                                                                                  tuple[int, ...], bool, bool]:
    """housings, lit, plate and dark_case of a light; reach: metres to the middle of the road, signed, 0 for no arm."""
    flat = rng.random() < 0.15
    low = rng.uniform(2.1, 2.8)
    housings: list[tuple[float, float, bool]] = [(0.0 if not reach else rng.choice((-0.3, 0.3)), low, False)]
    if reach:
        high = rng.uniform(4.6, 5.6)
        housings.append((reach, high, flat))
        if rng.random() < 0.4:
            housings.append((reach * 0.5, high, flat))
    return tuple(housings), lit, rng.random() < 0.4, rng.random() < 0.6
