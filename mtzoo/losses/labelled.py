"""Partial labels: which tasks a batch teaches, and the zero of those it does not."""

from collections.abc import Mapping

from torch import Tensor

from mtzoo.structures import IGNORE, Batch


def labelled_rows(batch: Batch, task: str) -> list[int]:
    """Indices of the samples that carry labels of `task`."""
    if task in batch.boxes:
        return [n for n, entry in enumerate(batch.boxes[task]) if entry is not None]
    if task not in batch.masks:
        return []
    return (batch.masks[task] != IGNORE).flatten(1).any(dim=1).nonzero().flatten().tolist()


def is_labelled(batch: Batch, task: str) -> bool:
    """Whether any sample of the batch carries labels of `task`."""
    return bool(labelled_rows(batch, task))


def attached_zero(outputs: Mapping[str, Tensor]) -> Tensor:
    """A scalar 0 that depends on every output, so that parameters get zero gradients, not none (DDP waits for them)."""
    return sum(value.float().sum() * 0.0 for value in outputs.values())
