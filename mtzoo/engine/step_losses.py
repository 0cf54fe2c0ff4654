"""The losses of an iteration, left on the device: each reading makes the CPU wait for all that the device has to do."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor


class StepLosses:
    """What the batches of one iteration cost. batches: of each {name: scalar}, detached; a name may be missing in some."""

    def __init__(self, batches: Sequence[Mapping[str, Tensor]]) -> None:
        self.names = [tuple(batch) for batch in batches]
        self.values = torch.stack([value.float() for batch in batches for value in batch.values()])  # (T,)

    def read(self) -> dict[str, float]:
        """Name -> mean over the batches that have it."""
        return read_losses([self])[0]


def read_losses(steps: Sequence[StepLosses]) -> list[dict[str, float]]:
    """`StepLosses.read` of many iterations, with one copy from the device."""
    numbers = iter(torch.cat([step.values for step in steps]).tolist() if steps else ())
    return [_means(step.names, numbers) for step in steps]


def _means(names: Sequence[Sequence[str]], numbers: Iterator[float]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for batch in names:
        for name in batch:
            found.setdefault(name, []).append(next(numbers))
    return {name: sum(values) / len(values) for name, values in found.items()}
