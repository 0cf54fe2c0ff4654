"""Bodies of vehicles: hatchbacks to lorries, as convex hexahedra."""

from dataclasses import dataclass
from random import Random

import numpy as np


@dataclass(frozen=True)
class Block:
    """A convex hexahedron in vehicle coordinates: l from the rear bumper forward, y up, metres.

    bottom, top: (l1, l2, half width, y); role picks the details of its faces.
    """

    role: str
    bottom: tuple[float, float, float, float]
    top: tuple[float, float, float, float]

    def corners(self) -> np.ndarray:
        """(8, 3) as (right, y, l): rear left, rear right, front right, front left, below then above."""
        out = []
        for l1, l2, half, y in (self.bottom, self.top):
            out += [(-half, y, l1), (half, y, l1), (half, y, l2), (-half, y, l2)]
        return np.array(out)


@dataclass(frozen=True)
class Shape:
    """size: length, width, height; wheels: l of the axles and wheel radius; blocks from far below to the roof."""

    size: tuple[float, float, float]
    axles: tuple[float, ...]
    wheel: float
    blocks: tuple[Block, ...]


def _car(length: float, width: float, height: float, belt: float, cabin: tuple[float, float], roof: tuple[float, float],
         wheel: float = 0.32) -> Shape:
    """cabin, roof: (rear, front) as fractions of the length, at the belt and at the roof."""
    half, low = width / 2, 0.24 + 0.3 * (wheel - 0.3)
    blocks = (
        Block("chassis", (0.35, length - 0.35, half - 0.12, 0.10), (0.3, length - 0.3, half - 0.12, low + 0.1)),
        Block("body", (0.04, length - 0.05, half * 0.97, low), (0, length * 0.985, half, belt * 0.72)),
        Block("shoulder", (0, length * 0.985, half, belt * 0.72), (0.03 * length, length * 0.93, half * 0.95, belt)),
        Block("cabin", (cabin[0] * length, cabin[1] * length, half * 0.93, belt),
              (roof[0] * length, roof[1] * length, half * 0.74, height)),
    )
    return Shape((length, width, height), (0.19 * length, 0.81 * length), wheel, blocks)


def _pickup(rng: Random) -> Shape:
    car = _car(5.3, 1.9, 1.85, 1.08, (0.36, 0.73), (0.39, 0.62), 0.38)
    return car if rng.random() < 0.6 else _car(5.0, 1.85, 1.8, 1.05, (0.3, 0.74), (0.34, 0.62), 0.37)


def _van(rng: Random) -> Shape:
    length, height = rng.uniform(4.8, 6.2), rng.uniform(1.95, 2.7)
    half = rng.uniform(0.95, 1.03)
    blocks = (Block("chassis", (0.35, length - 0.35, half - 0.1, 0.12), (0.3, length - 0.3, half - 0.1, 0.42)),
              Block("vanbody", (0.02, length, half, 0.32), (0, length * 0.96, half, 1.15)),
              Block("vancabin", (0, length * 0.93, half, 1.15), (0.05, length * 0.74, half * 0.9, height)))
    return Shape((length, 2 * half, height), (0.2 * length, 0.83 * length), 0.35, blocks)


def _bus(rng: Random) -> Shape:
    length, height, half = rng.uniform(9, 12.5), rng.uniform(2.9, 3.4), 1.26
    blocks = (Block("chassis", (0.3, length - 0.3, half - 0.1, 0.15), (0.3, length - 0.3, half - 0.1, 0.5)),
              Block("busbody", (0, length, half, 0.35), (0, length, half, 1.25)),
              Block("bustop", (0, length, half, 1.25), (0.06, length - 0.12, half * 0.96, height)))
    return Shape((length, 2 * half, height), (0.24 * length, 0.78 * length), 0.48, blocks)


def _truck(rng: Random) -> Shape:
    length, height, half = rng.uniform(6, 13), rng.uniform(2.9, 3.9), rng.uniform(1.1, 1.27)
    cab = length - rng.uniform(1.8, 2.2)
    floor = rng.uniform(0.85, 1.1)
    blocks = (Block("chassis", (0.1, length - 0.3, half - 0.2, 0.35), (0.05, length - 0.3, half - 0.1, floor)),
              Block("cargo", (0, cab - 0.15, half, floor), (0, cab - 0.15, half, height)),
              Block("cab", (cab, length, half - 0.03, 0.4), (cab, length - 0.02, half - 0.03, 1.35)),
              Block("cabtop", (cab, length - 0.02, half - 0.03, 1.35),
                    (cab + 0.1, length - 0.35, half - 0.1, min(height, rng.uniform(2.4, 3.0)))))
    axles = (0.14 * length, 0.14 * length + 1.2, length - 1.2) if length > 9 else (0.2 * length, length - 1.1)
    return Shape((length, 2 * half, height), axles, 0.48, blocks)


def sample_shape(rng: Random) -> Shape:
    """A hatchback, saloon, estate, off-roader, pick-up, van, bus or lorry; cars are the most frequent."""
    j = rng.uniform
    kind = rng.choices(("hatch", "saloon", "estate", "suv", "pickup", "van", "bus", "truck"),
                       (22, 24, 10, 20, 4, 9, 5, 8))[0]
    if kind == "hatch":
        return _car(j(3.5, 4.3), j(1.65, 1.8), j(1.42, 1.58), 0.92, (0.02, j(.72, .78)), (j(.09, .14), j(.52, .58)))
    if kind == "saloon":
        return _car(j(4.3, 5.0), j(1.72, 1.9), j(1.4, 1.5), 0.92, (j(.08, .14), j(.7, .75)), (j(.22, .28), j(.5, .56)))
    if kind == "estate":
        return _car(j(4.4, 4.9), j(1.75, 1.87), j(1.45, 1.6), 0.93, (0.01, j(.7, .75)), (j(.06, .1), j(.5, .56)))
    if kind == "suv":
        return _car(j(4.1, 4.9), j(1.8, 1.98), j(1.62, 1.85), 1.06, (0.01, j(.72, .78)), (j(.05, .1), j(.53, .6)), 0.37)
    return {"pickup": _pickup, "van": _van, "bus": _bus, "truck": _truck}[kind](rng)
