"""Buildings and trees."""

from dataclasses import dataclass
from math import pi
from random import Random

import cv2
import numpy as np

from mtzoo.data.synthetic.camera import clip_near
from mtzoo.data.synthetic.facades import BAY_PIXELS, BAYS, STOREYS, facades
from mtzoo.data.synthetic.light import Colour
from mtzoo.data.synthetic.painter import Painter
from mtzoo.data.synthetic.roadside import Surfaces
from mtzoo.data.synthetic.textures import tree_sprites


@dataclass(frozen=True)
class Building:
    """near, far: (x, z) of the ends of the wall along the road; depth: metres it reaches away from the road (signed
    in x); roof: height of a pitched roof, 0 for a flat one; end_wall: whether the near end can be seen."""

    surfaces: Surfaces
    style: int
    near: tuple[float, float]
    far: tuple[float, float]
    depth: float
    storeys: int
    storey: float
    roof: float
    tiles: Colour
    end_wall: bool

    @property
    def height(self) -> float:
        """Of the walls, metres."""
        return self.storeys * self.storey

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2."""
        xs = (self.near[0], self.far[0], self.near[0] + self.depth, self.far[0] + self.depth)
        return min(xs), max(xs), self.near[1], self.far[1]

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """Of the wall along the road and of the near wall; none without sun."""
        if sun == (0.0, 0.0):
            return []
        a, b = np.array((self.near[0], 0, self.near[1])), np.array((self.far[0], 0, self.far[1]))
        c = a + np.array((self.depth, 0, 0))
        away = np.array((sun[0], 0, sun[1])) * self.height
        return [np.array((p, q, q + away, p + away)) for p, q in ((a, b), (a, c))]

    def draw(self, painter: Painter) -> None:
        """The near wall, the wall along the road, the roof."""
        a, b = np.array((self.near[0], 0.0, self.near[1])), np.array((self.far[0], 0.0, self.far[1]))
        c, d = a + np.array((self.depth, 0, 0)), b + np.array((self.depth, 0, 0))
        side = 1.0 if self.depth < 0 else -1.0  # the wall along the road looks towards the road
        up = np.array((0.0, self.height, 0.0))
        if self.roof:
            ridge = [(p + q) / 2 + up + (0, self.roof, 0) for p, q in ((a, c), (b, d))]
            gable = np.array((a + up, c + up, ridge[0]))
            painter.polygon(gable, (150, 160, 170), self.surfaces.building, (0, 0, -1.0))
            eaves = np.array((-side * 0.4, -0.2, 0)) * -1
            painter.polygon(np.array((a + up + eaves * (1, -1, 1), b + up + eaves * (1, -1, 1), ridge[1], ridge[0])),
                            self.tiles, self.surfaces.building, (side * 0.6, 0.8, 0))
        if self.end_wall:
            self._wall(painter, a, c, (0.0, 0.0, -1.0))
        if (painter.camera.project(a)[0] - painter.camera.project(b)[0]) * side < 0:
            self._wall(painter, a, b, (side, 0.0, 0.0))

    def _wall(self, painter: Painter, start: np.ndarray, end: np.ndarray, normal: tuple[float, float, float]) -> None:
        length = float(np.linalg.norm(end - start))
        bays = int(np.clip(round(length / 3.2), 1, BAYS))
        up = np.array((0.0, self.height, 0.0))
        corners = clip_near(np.array((start, end, end + up, start + up)))
        if len(corners) < 3:
            return
        outline = painter.camera.project(corners)
        h, w = painter.camera.hw
        if outline[:, 0].max() < 0 or outline[:, 0].min() > w or outline[:, 1].max() < 0:
            return
        z = float(corners[:, 2].mean())
        texel = painter.camera.pixels_per_metre(float(corners[:, 2].min())) * self.storey / BAY_PIXELS
        level = int(np.clip(np.log2(1.4 / max(texel * (1.0 if normal[2] else 0.7), 1e-3)), 0, 3))
        facade = facades()[self.style][level]
        rows, cols = self.storeys * BAY_PIXELS >> level, bays * BAY_PIXELS >> level
        lit = painter.lit(facade.wall[-rows:, :cols], z, normal, float(corners[:, 0].mean()))
        light = painter.light
        if light.lamps_on:
            keep = float(np.exp(-light.haze * z)) * (0.85 if light.dark else 0.4)
            lit = cv2.max(lit, cv2.convertScaleAbs(facade.lamps[-rows:, :cols], alpha=keep))
        plane = painter.camera.plane(start + up, (end - start) / lit.shape[1], -up / lit.shape[0])
        far = float(corners[:, 2].max())
        magnified = painter.camera.pixels_per_metre(far) * self.storey / BAY_PIXELS > 2.2
        painter.texture(lit, plane, outline, self.surfaces.building, magnified)


@dataclass(frozen=True)
class Tree:
    """A sprite: index into tree_sprites, height in metres; bushes and hedges too."""

    surfaces: Surfaces
    index: int
    height: float
    width: float
    x: float
    z: float
    flip: bool
    tone: tuple[float, float, float]

    def footprint(self) -> tuple[float, float, float, float]:
        """x1, x2, z1, z2 of the trunk's surroundings."""
        return self.x - 0.3, self.x + 0.3, self.z - 0.3, self.z + 0.3

    def shadow(self, sun: tuple[float, float]) -> list[np.ndarray]:
        """Dappled: a few discs where the crown's shadow falls."""
        reach = self.height * 0.6
        rng = Random(int(self.x * 1000) ^ int(self.z * 1000))
        out = []
        for _ in range(4 if sun != (0.0, 0.0) else 1):
            angle = np.linspace(0, 2 * pi, 9, endpoint=False)
            r = self.width * rng.uniform(0.12, 0.32)
            cx = self.x + sun[0] * reach + rng.uniform(-.3, .3) * self.width
            cz = self.z + sun[1] * reach + rng.uniform(-.3, .3) * self.width
            wobble = np.array([rng.uniform(0.7, 1.2) for _ in angle])
            out.append(np.stack((cx + r * wobble * np.cos(angle), 0 * angle, cz + r * wobble * np.sin(angle)), -1))
        return out

    def draw(self, painter: Painter) -> None:
        """Paste the sprite, lit and hazed."""
        foot = painter.camera.project(np.array((self.x, 0.0, self.z)))
        scale = painter.camera.pixels_per_metre(self.z)
        h, w = self.height * scale, self.width * scale
        if foot[0] + w / 2 < 0 or foot[0] - w / 2 > painter.camera.hw[1]:
            return
        levels = tree_sprites()[self.index][1]
        level = int(np.clip(0.4 + np.log2(levels[0].shape[0] / max(h, 1)), 0, len(levels) - 1))
        sprite = painter.lit(levels[level], self.z, None, self.x, self.tone)
        if self.flip:
            sprite = cv2.flip(sprite, 1)
        painter.sprite(sprite, (foot[0] - w / 2, foot[1] - h, foot[0] + w / 2, foot[1]), self.surfaces.vegetation)


def sample_tree(rng: Random, surfaces: Surfaces, x: float, z: float, kinds: tuple[str, ...]) -> Tree:
    """A tree or a bush of one of the kinds (see `textures.TREE_KINDS`) at (x, z)."""
    index = rng.choice([i for i, (kind, _) in enumerate(tree_sprites()) if kind in kinds])
    bush = tree_sprites()[index][0] == "bush"
    height = rng.uniform(0.9, 2.4) if bush else rng.uniform(5.5, 13.0)
    warm = rng.uniform(0.85, 1.15)
    bright = rng.uniform(0.75, 1.25)
    return Tree(surfaces, index, height, height * rng.uniform(0.75, 1.2) * (1.6 if bush else 1.0), x, z,
                rng.random() < 0.5, (bright / warm, bright, bright * warm))


def sample_building(rng: Random, surfaces: Surfaces, near: tuple[float, float], far: tuple[float, float],
                    low: bool) -> Building:
    """A house (low) with a pitched roof, or a block of 3 to 7 storeys; outwards is away from x = 0."""
    side = 1.0 if near[0] > 0 else -1.0
    storeys = rng.randint(1, 2) if low else rng.randint(2, STOREYS)
    return Building(surfaces, rng.randrange(len(facades())), near, far, side * rng.uniform(9, 16), storeys,
                    rng.uniform(2.7, 3.6) * (1.3 if not low and rng.random() < 0.2 else 1.0),
                    rng.uniform(1.5, 3.5) if low else 0.0, rng.choice(((60, 66, 130), (70, 72, 80), (50, 80, 150))), True)
