"""Which image comes at which place of an epoch: a pure function of (seed, epoch), so a run resumes exactly."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from mtzoo.errors import UserError


class SampleIndex(NamedTuple):
    """One place of an epoch. index: the record; (epoch, position) seed its random transforms, whichever worker runs it."""

    epoch: int
    position: int
    index: int


def epoch_order(sizes: Sequence[int], weights: Sequence[float], samples: int, seed: int, epoch: int, chunk: int = 0,
                repeats: Sequence[np.ndarray] | None = None) -> np.ndarray:
    """(samples,) int64 record indices of an epoch over groups laid out one after the other.

    A group of n images and weight w gets a share w n / sum(w n), rounded up or down at random without bias (systematic
    sampling); inside a group each shuffled pass ends before the next begins. chunk: see `shuffled_pass`. repeats: of each group's
    images (n,), how often one comes where another comes once: n is their sum then.
    """
    rng = np.random.default_rng((seed, epoch))
    counts = sizes if repeats is None else [part.sum() for part in repeats]
    shares = np.asarray(counts, dtype=np.float64) * np.asarray(weights, dtype=np.float64)
    edges = np.concatenate([[0.0], np.cumsum(shares) * (samples / shares.sum())])
    edges[-1] = samples
    exact = np.round(edges)
    edges = np.where(np.abs(edges - exact) < 1e-6, exact, edges)  # a whole share must not lose one to float error
    quotas = np.diff(np.floor(edges + rng.random())).astype(int)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    order = [np.zeros(0, dtype=np.int64)]
    for group, (start, size, quota) in enumerate(zip(starts, sizes, quotas)):
        passes, drawn = [], 0
        while drawn < quota:
            images = np.arange(size) if repeats is None else repeated(repeats[group], rng)
            passes.append(images[shuffled_pass(len(images), chunk, rng)])
            drawn += len(images)
        order += [start + np.concatenate(passes)[:quota]] if quota else []
    if not chunk:
        return rng.permutation(np.concatenate(order))
    groups = rng.permutation(np.repeat(np.arange(len(order)), [len(part) for part in order]))
    mixed = np.empty(len(groups), dtype=np.int64)
    for group, part in enumerate(order):  # mixed with the others', a group's images keep their order: chunk after chunk
        mixed[groups == group] = part
    return mixed


def repeated(repeats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Image indices, each as often as its factor in `repeats` (n,), 1 or more, says, rounded up or down at random without bias."""
    whole = np.floor(repeats)
    return np.repeat(np.arange(len(repeats)), (whole + (rng.random(len(repeats)) < repeats - whole)).astype(int))


def shuffled_pass(size: int, chunk: int, rng: np.random.Generator) -> np.ndarray:
    """(size,) int64: 0..size - 1 shuffled. chunk: so many neighbours stay together, shuffled among themselves, as do the chunks;
    0 shuffles all at once."""
    if not chunk:
        return rng.permutation(size)
    starts = rng.permutation(np.arange(0, size, chunk))
    return np.concatenate([rng.permutation(np.arange(start, min(start + chunk, size))) for start in starts])


class WeightedEpochSampler(Sampler[SampleIndex]):
    """Draws for one epoch at a time; `set_epoch(epoch, start)` before each, `start` > 0 to resume inside it.

    samples_per_epoch: draws of all ranks together, by default the number of images. Rank r of n takes every n-th draw.
    shuffle_chunk_size: images that stay neighbours, see `shuffled_pass`; repeats: see `epoch_order`.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], *, seed: int, samples_per_epoch: int | None = None,
                 rank: int = 0, world_size: int = 1, shuffle_chunk_size: int = 0, repeats: Sequence[np.ndarray] | None = None) -> None:
        if not sizes or min(sizes) < 1:
            raise UserError("no images to train on; check the data sources")
        self.sizes, self.weights, self.seed = tuple(sizes), tuple(weights), seed
        self.samples = samples_per_epoch or sum(sizes)
        self.rank, self.world_size, self.shuffle_chunk_size = rank, world_size, shuffle_chunk_size
        self.repeats = repeats
        self.epoch, self.start = 0, 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Go to an epoch; `start` counts the draws of all ranks that are already done."""
        self.epoch, self.start = epoch, start

    def __len__(self) -> int:
        return max(self.samples - self.start, 0) // self.world_size

    def __iter__(self) -> Iterator[SampleIndex]:
        epoch, start, count = self.epoch, self.start, len(self)
        order = epoch_order(self.sizes, self.weights, self.samples, self.seed, epoch, self.shuffle_chunk_size, self.repeats)
        for step in range(count):
            position = start + step * self.world_size + self.rank
            yield SampleIndex(epoch, position, int(order[position]))
