"""Tensors of an ONNX graph as values of feature maps.

Exporters write a channel shuffle, a flattening or a selection of channels as chains of Reshape, Transpose, Gather and Slice, each in
its own way. None of these computes: each only puts values in another order. So a tensor is a `View` here: which value of which map
stands at each of its places. What the chain as a whole has done is read off the order at its end.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MOST_PIECES = 8
"""Of a selection of channels."""


@dataclass(frozen=True)
class Map:
    """A feature map that is computed. shape: (1, C, H, W)."""

    name: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return self.shape[1]

    @property
    def cells(self) -> int:
        return self.shape[2] * self.shape[3]


@dataclass(frozen=True, eq=False)
class View:
    """A tensor of the file. shape: as ONNX sees it; order: of that shape, where in the map (C * H * W) each value stands; None: the map
    as it is."""

    source: Map
    shape: tuple[int, ...]
    order: np.ndarray | None = None

    def places(self) -> np.ndarray:
        """`order`, also of the map as it is."""
        return np.arange(np.prod(self.shape), dtype=np.int32).reshape(self.shape) if self.order is None else self.order

    def moved(self, move: Callable[[np.ndarray], np.ndarray]) -> "View":
        """The view after an operator that puts values in another order, or leaves some out."""
        return view_of(self.source, move(self.places()))

    def of(self, source: Map) -> "View":
        """The same view of another map of the same shape: elementwise functions do not mind the order."""
        return View(source, self.shape, self.order)


def view_of(source: Map, order: np.ndarray) -> View:
    """A view in the simplest form."""
    whole = order.shape == source.shape and np.array_equal(order.ravel(), np.arange(order.size))
    return View(source, tuple(order.shape), None if whole else order)


def channels_of(view: View) -> np.ndarray | None:
    """Which channels of its map the view shows, each as a whole and its cells in order; None for any other view.

    A view (1, C) shows a map of one cell.
    """
    n, c, h, w = (*view.shape, 1, 1)[:4] if len(view.shape) in (2, 4) else (0, 0, 0, 0)
    if n != 1 or (h, w) != view.source.shape[2:]:
        return None
    cells = view.source.cells
    places = view.places().reshape(c, cells)
    channels = places[:, 0] // cells
    return channels if np.array_equal(places, channels[:, None] * cells + np.arange(cells)) else None


def pieces_of(channels: np.ndarray) -> list[tuple[int, int]] | None:
    """The channels as ranges (start, stop) one after the other; None if that takes too many."""
    cuts = [0, *(np.flatnonzero(np.diff(channels) != 1) + 1).tolist(), len(channels)]
    if len(cuts) - 1 > MOST_PIECES:
        return None
    return [(int(channels[a]), int(channels[b - 1]) + 1) for a, b in zip(cuts, cuts[1:])]


def shuffle_of(channels: np.ndarray, count: int) -> tuple[int, int, int] | None:
    """(groups, start, stop) if the channels are a range of the channel shuffle of `count` channels in so many groups."""
    if len(channels) < 2:
        return None
    step = int(channels[1] - channels[0])  # neighbours after a shuffle stood one group apart
    if step < 2 or count % step:
        return None
    order = np.arange(count).reshape(count // step, step).T.ravel()
    start = int(np.flatnonzero(order == channels[0])[0])
    stop = start + len(channels)
    return (count // step, start, stop) if np.array_equal(order[start:stop], channels) else None
