"""Partial labels: which tasks a batch teaches, and the zero of those it does not."""

from collections.abc import Mapping

from torch import Tensor

from mtzoo.structures import Batch


def labelled_rows(batch: Batch, task: str) -> list[int]:
    """Indices of the samples that carry labels of `task`."""
    return batch.labelled.get(task, [])


def is_labelled(batch: Batch, task: str) -> bool:
    """Whether any sample of the batch carries labels of `task`."""
    return bool(labelled_rows(batch, task))


def attached_zero(outputs: Mapping[str, Tensor]) -> Tensor:
    """A scalar 0 that depends on every output, so that parameters get zero gradients, not none (DDP waits for them)."""
    return sum(value.float().sum() * 0.0 for value in outputs.values())
