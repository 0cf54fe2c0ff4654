"""The canvas: every fill goes to the image and to the id buffer at once, far things first."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from mtzoo.data.synthetic.camera import Camera, clip_near
from mtzoo.data.synthetic.labels import MAX_SURFACES, Sealed, covered, projected_window
from mtzoo.data.synthetic.light import Colour, Light

SUBPIXEL_BITS = 4
FAR_OUTSIDE = 16000.0  # pixels; keeps clipped polygons inside the rasteriser's integers


@dataclass(frozen=True)
class Glow:
    """A lamp's halo: centre and radius in pixels, BGR colour at the centre."""

    centre: tuple[float, float]
    radius: float
    colour: Colour


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
        one = 1 << SUBPIXEL_BITS
        points = [np.rint(np.clip(p, -FAR_OUTSIDE, FAR_OUTSIDE) * one - one / 2).astype(np.int32) for p in outlines]
        cv2.fillPoly(self.image, points, colour, cv2.LINE_AA, SUBPIXEL_BITS)
        if surface is not None:
            cv2.fillPoly(self.ids, points, surface, cv2.LINE_8, SUBPIXEL_BITS)

    def polygon(self, points: np.ndarray, albedo: Colour, surface: int | None,
                normal: tuple[float, float, float] | None = None, emit: float = 0.0) -> np.ndarray:
        """Shade and fill one polygon (n, 3) in the world; returns its outline (m, 2) in pixels."""
        points = clip_near(points)
        if len(points) < 3:
            return np.zeros((0, 2))
        outline = self.camera.project(points)
        centre = points.mean(0)
        colour = self.light.shade(albedo, float(centre[2]), normal, float(centre[0]), emit)
        self.fill([outline], colour, surface)
        return outline

    def texture(self, texture: np.ndarray, to_image: np.ndarray, outline: np.ndarray, surface: int | None) -> None:
        """Fill an outline (n, 2) with a texture (h, w, 3); to_image: (3, 3), texture pixels -> image pixels."""
        h, w = self.camera.hw
        x1, y1 = np.maximum(np.floor(outline.min(0)).astype(int), 0)
        x2, y2 = np.minimum(np.ceil(outline.max(0)).astype(int), (w, h))
        if x2 - x1 < 1 or y2 - y1 < 1:
            return
        shift = np.array([[1, 0, -x1 - 0.5], [0, 1, -y1 - 0.5], [0, 0, 1]])
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        inverse = np.linalg.inv(shift @ to_image @ half)
        warped = cv2.warpPerspective(texture, inverse, (int(x2 - x1), int(y2 - y1)),
                                     flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        one = 1 << SUBPIXEL_BITS
        local = np.clip(outline, -FAR_OUTSIDE, FAR_OUTSIDE) - (x1, y1)
        points = [np.rint(local * one - one / 2).astype(np.int32)]
        mask = np.zeros(warped.shape[:2], np.uint8)
        cv2.fillPoly(mask, points, 255, cv2.LINE_8, SUBPIXEL_BITS)
        cv2.copyTo(warped, mask, self.image[y1:y2, x1:x2])
        if surface is not None:
            cv2.fillPoly(self.ids[y1:y2, x1:x2], points, surface, cv2.LINE_8, SUBPIXEL_BITS)

    def sprite(self, sprite: np.ndarray, box: tuple[float, float, float, float], surface: int) -> None:
        """Paste a BGRA sprite (h, w, 4) into the box x1, y1, x2, y2; its alpha decides image and label alike."""
        h, w = self.camera.hw
        x1, y1, x2, y2 = max(int(box[0]), 0), max(int(box[1]), 0), min(int(box[2]) + 1, w), min(int(box[3]) + 1, h)
        if x2 <= x1 or y2 <= y1:
            return
        sx, sy = sprite.shape[1] / (box[2] - box[0]), sprite.shape[0] / (box[3] - box[1])
        inverse = np.array([[sx, 0, (x1 + 0.5 - box[0]) * sx - 0.5], [0, sy, (y1 + 0.5 - box[1]) * sy - 0.5]])
        part = cv2.warpAffine(sprite, inverse, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        mask = cv2.threshold(part[..., 3], 127, 255, cv2.THRESH_BINARY)[1]
        cv2.copyTo(part[..., :3].copy(), mask, self.image[y1:y2, x1:x2])
        self.ids[y1:y2, x1:x2][mask > 0] = surface

    def seal(self, category: str, surfaces: tuple[int, ...], points: np.ndarray) -> None:
        """Remember an object that was just painted; points (n, 2): everything of it, in pixels."""
        window, inside = projected_window(points, self.camera.hw)
        painted = int(np.count_nonzero(covered(self.ids, window, surfaces)))
        if painted:
            self.sealed.append(Sealed(category, surfaces, window, painted, inside))

    def glow(self, point: np.ndarray, radius: float, colour: Colour) -> None:
        """A halo around a lamp at a world point (3,); radius in metres of halo, at least a few pixels."""
        x, y = self.camera.project(point)
        pixels = max(radius * self.camera.pixels_per_metre(point[2]), 0.004 * self.camera.hw[0])
        fade = float(np.exp(-self.light.haze * point[2] * 0.5))
        self.glows.append(Glow((float(x), float(y)), pixels, tuple(c * fade for c in colour)))
