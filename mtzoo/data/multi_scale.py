"""Another input size every few iterations: the same window, shown larger or smaller."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.loader import load_batch
from mtzoo.data.sampler import SampleIndex
from mtzoo.errors import UserError
from mtzoo.structures import Batch

_STREAM = 2  # of random numbers of its own, apart from the transforms'


@dataclass(frozen=True)
class SizeSchedule:
    """Input sizes (height, width) of a run, drawn anew every `interval` iterations: a function of seed and iteration alone, which all
    processes agree on. images: of an iteration, in all processes; per_epoch: iterations of an epoch."""

    sizes: tuple[tuple[int, int], ...]
    interval: int
    images: int
    per_epoch: int
    seed: int

    def at(self, draw: SampleIndex) -> tuple[int, int]:
        """The size of the iteration that a draw belongs to."""
        iteration = draw.epoch * self.per_epoch + draw.position // self.images
        rng = np.random.default_rng((self.seed, iteration // self.interval, _STREAM))
        return self.sizes[int(rng.integers(len(self.sizes)))]

    def __call__(self, dataset: MultiTaskDataset, draws: Sequence[SampleIndex]) -> Batch:
        """`load_batch` in the size of the draws' iteration."""
        return load_batch(dataset, draws, self.at(draws[0]))


def sizes_between(crop_hw: tuple[int, int], scale_range: tuple[float, float], stride: int) -> tuple[tuple[int, int], ...]:
    """Multiples of the stride in height and width, of crop_hw's aspect as nearly as they can be, from low to high times its height.

    Raises UserError if there are not two.
    """
    height, width = crop_hw
    low, high = (round(height * scale / stride) for scale in scale_range)
    found = tuple((rows * stride, max(round(rows * width / height), 1) * stride) for rows in range(max(low, 1), high + 1))
    if len(found) < 2:
        raise UserError(f"augmentation.multi_scale.scale_range={list(scale_range)}: leaves one size of crop_hw={list(crop_hw)} in "
                        f"steps of {stride}, the network's stride; widen it")
    return found
