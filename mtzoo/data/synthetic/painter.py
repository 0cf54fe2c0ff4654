"""The canvas: every fill goes to the image and to the id buffer at once, far things first."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from mtzoo.data.synthetic.camera import NEAR, Camera, clip_near
from mtzoo.data.synthetic.labels import MAX_SURFACES, Sealed, covered, projected_window
from mtzoo.data.synthetic.light import Colour, Light

SUBPIXEL_BITS = 4
LEVELS = np.arange(256, dtype=np.float64)[:, None]


@dataclass(frozen=True)
class Glow:
    """A lamp's halo: centre and radius in pixels, BGR colour at the centre, the surface that the lamp is on."""

    centre: tuple[float, float]
    radius: float
    colour: Colour
    surface: int


def fixed_point(points: np.ndarray) -> np.ndarray:
    """Pixels (corner of the first pixel 0) -> the rasteriser's int32 (centre of the first pixel 0)."""
    one = 1 << SUBPIXEL_BITS
    return np.rint(points * one - one / 2).astype(np.int32)


def _pasted(low: float, high: float, count: int, limit: int) -> tuple[tuple[int, int], int, int, int, int] | None:
    """One axis of a paste of `count` sprite pixels into [low, high) of a picture of `limit` pixels.

    Returns the range of sprite pixels that are needed, where they begin and how many pixels they become, and the
    range of those inside the picture; None if there are none.
    """
    scale = (high - low) / count
    begin = max(int(-low / scale), 0) if low < 0 else 0
    end = min(int(np.ceil((limit - low) / scale)), count)
    if end <= begin:
        return None
    start, stop = round(low + begin * scale), round(low + end * scale)
    size = max(stop - start, 1)
    first, last = max(start, 0), min(start + size, limit)
    return ((begin, end), start, size, first, last) if last > first else None


@dataclass
class Painter:
    """image (H, W, 3) uint8 BGR and ids (H, W) uint8, with the tables of surfaces and sealed objects."""

    camera: Camera
    light: Light
    image: np.ndarray = field(init=False)
    ids: np.ndarray = field(init=False)
    surfaces: list[tuple[int, int]] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    glows: list[Glow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.image = np.zeros((*self.camera.hw, 3), np.uint8)
        self.ids = np.zeros(self.camera.hw, np.uint8)

    def surface(self, seg: int, lane: int = 0) -> int:
        """A new surface number. Check `room` first when painting objects."""
        self.surfaces.append((seg, lane))
        return len(self.surfaces) - 1

    def room(self, count: int) -> bool:
        """Whether `count` more surfaces fit into the id buffer."""
        return len(self.surfaces) + count <= MAX_SURFACES

    def fill(self, outlines: list[np.ndarray], colour: Colour, surface: int | None) -> None:
        """Fill disjoint outlines, each (n, 2) pixels; `surface` None paints a detail on what is there already."""
        points = [fixed_point(p) for p in outlines]
        cv2.fillPoly(self.image, points, colour, cv2.LINE_AA, SUBPIXEL_BITS)
        if surface is not None:
            cv2.fillPoly(self.ids, points, surface, cv2.LINE_8, SUBPIXEL_BITS)

    def convex(self, outlines: np.ndarray, sizes: list[int], colours: list[Colour], surfaces: list[int | None]) -> None:
        """Fill many convex outlines in order; outlines: all their points one after the other (N, 2), `sizes` each."""
        points = fixed_point(outlines)
        image, ids, begin = self.image, self.ids, 0
        for size, colour, surface in zip(sizes, colours, surfaces):
            part = points[begin:begin + size]
            begin += size
            cv2.fillConvexPoly(image, part, colour, cv2.LINE_AA, SUBPIXEL_BITS)
            if surface is not None:
                cv2.fillConvexPoly(ids, part, surface, cv2.LINE_8, SUBPIXEL_BITS)

    def polygon(self, points: np.ndarray, albedo: Colour, surface: int | None,
                normal: tuple[float, float, float] | None = None, emit: float = 0.0) -> np.ndarray:
        """Shade and fill one polygon (n, 3) in the world; returns its outline (m, 2) in pixels."""
        points = clip_near(points)
        if len(points) < 3:
            return np.zeros((0, 2))
        outline = self.camera.project(points)
        x, _, z = (points.sum(0) / len(points)).tolist()
        colour = self.light.shade(albedo, z, normal, x, emit)
        self.fill([outline], colour, surface)
        return outline

    def quads(self, quads: np.ndarray, albedos: list[Colour], normal: tuple[float, float, float],
              surfaces: list[int | None]) -> None:
        """Shade and fill (n, 4, 3) quadrilaterals of one small thing, in order."""
        if quads[..., 2].min() < NEAR:
            for quad, albedo, surface in zip(quads, albedos, surfaces):
                self.polygon(quad, albedo, surface, normal)
            return
        gain, offset = self.light.gain_offset(float(quads[0, 0, 2]), normal, float(quads[0, 0, 0]))
        colours = np.minimum(np.array(albedos) * gain + offset, 255).tolist()
        self.convex(self.camera.project(quads).reshape(-1, 2), [4] * len(quads), colours, surfaces)

    def texture(self, texture: np.ndarray, to_image: np.ndarray, outline: np.ndarray, surface: int | None,
                magnified: bool = False) -> None:
        """Fill an outline (n, 2) with a texture (h, w, 3); to_image: (3, 3), texture pixels -> image pixels.

        magnified: a texture pixel is more than two pixels of the picture everywhere, so that half of them will do.
        """
        h, w = self.camera.hw
        x1, y1 = np.maximum(np.floor(outline.min(0)).astype(int), 0)
        x2, y2 = np.minimum(np.ceil(outline.max(0)).astype(int), (w, h))
        if x2 - x1 < 1 or y2 - y1 < 1:
            return
        size, step = (int(x2 - x1), int(y2 - y1)), 2 if magnified else 1
        shift = np.array([[1 / step, 0, -x1 / step - 0.5], [0, 1 / step, -y1 / step - 0.5], [0, 0, 1]])
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        inverse = np.linalg.inv(shift @ to_image @ half)
        warped = cv2.warpPerspective(texture, inverse, (-(-size[0] // step), -(-size[1] // step)),
                                     flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        if magnified:
            full = cv2.resize(warped, (2 * warped.shape[1], 2 * warped.shape[0]), interpolation=cv2.INTER_LINEAR)
            warped = full[:size[1], :size[0]]
        points = [fixed_point(outline - (x1, y1))]
        mask = np.zeros(size[::-1], np.uint8)
        cv2.fillPoly(mask, points, 255, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.copyTo(warped, mask, self.image[y1:y2, x1:x2])
        if surface is not None:
            cv2.fillPoly(self.ids[y1:y2, x1:x2], points, surface, cv2.LINE_8, SUBPIXEL_BITS)

    def sprite(self, sprite: np.ndarray, box: tuple[float, float, float, float], surface: int) -> None:
        """Paste a BGRA sprite (h, w, 4) into the box x1, y1, x2, y2; its alpha decides image and label alike."""
        columns = _pasted(box[0], box[2], sprite.shape[1], self.camera.hw[1])
        rows = _pasted(box[1], box[3], sprite.shape[0], self.camera.hw[0])
        if not columns or not rows:
            return
        (a, b), x, w, x1, x2 = columns
        (c, d), y, h, y1, y2 = rows
        part = cv2.resize(sprite[c:d, a:b], (w, h), interpolation=cv2.INTER_LINEAR)[y1 - y:y2 - y, x1 - x:x2 - x]
        mask = cv2.threshold(cv2.extractChannel(part, 3), 127, 255, cv2.THRESH_BINARY)[1]
        cv2.copyTo(cv2.cvtColor(part, cv2.COLOR_BGRA2BGR), mask, self.image[y1:y2, x1:x2])
        cv2.copyTo(np.full_like(mask, surface), mask, self.ids[y1:y2, x1:x2])

    def lit(self, texture: np.ndarray, depth: float, normal: tuple[float, float, float] | None, x: float,
            tone: Colour = (1.0, 1.0, 1.0)) -> np.ndarray:
        """A texture (h, w, 3 or 4) uint8 as it looks at (x, depth), its albedo times `tone`; alpha is kept."""
        gain, offset = self.light.gain_offset(depth, normal, x)
        table = np.minimum(LEVELS * np.multiply(gain, tone) + offset, 255).astype(np.uint8)  # (256, 3)
        if texture.shape[2] == 4:
            table = np.concatenate((table, LEVELS.astype(np.uint8)), 1)
        return cv2.LUT(texture, table[None])

    def seal(self, category: str, surfaces: tuple[int, ...], points: np.ndarray) -> None:
        """Remember an object that was just painted; points (n, 2): everything of it, in pixels."""
        window, inside = projected_window(points, self.camera.hw)
        painted = int(np.count_nonzero(covered(self.ids, window, surfaces)))
        if painted:
            self.sealed.append(Sealed(category, surfaces, window, painted, inside))

    def glow(self, point: np.ndarray, radius: float, colour: Colour, surface: int) -> None:
        """A halo around a lamp at a world point (3,); radius in metres of halo, at least a few pixels."""
        x, y = self.camera.project(point)
        pixels = max(radius * self.camera.pixels_per_metre(point[2]), 0.004 * self.camera.hw[0])
        fade = float(np.exp(-self.light.haze * point[2] * 0.5))
        self.glows.append(Glow((float(x), float(y)), pixels, tuple(c * fade for c in colour), surface))

    def visible_glows(self) -> list[Glow]:
        """Halos of the lamps that nothing hides; ask once everything is painted."""
        h, w = self.camera.hw
        inside = (g for g in self.glows if 0 <= g.centre[0] < w and 0 <= g.centre[1] < h)
        return [g for g in inside if self.ids[int(g.centre[1]), int(g.centre[0])] == g.surface]
