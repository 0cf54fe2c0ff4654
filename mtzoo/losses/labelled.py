"""Partial labels: which tasks a batch teaches, and the zero of those it does not."""

from collections.abc import Mapping

from torch import Tensor

from mtzoo.structures import IGNORE, Batch


def is_labelled(batch: Batch, task: str) -> bool:
    """Whether any sample of the batch carries labels of `task`."""
    if task in batch.boxes:
        return any(entry is not None for entry in batch.boxes[task])
    return task in batch.masks and bool((batch.masks[task] != IGNORE).any())


def attached_zero(outputs: Mapping[str, Tensor]) -> Tensor:
    """A scalar 0 that depends on every output, so that parameters get zero gradients, not none (DDP waits for them)."""
    return sum(value.float().sum() * 0.0 for value in outputs.values())
