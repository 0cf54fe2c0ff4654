"""Samples -> batches, in the background."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, default_collate

from mtzoo.data.dataset import EvalDataset, MultiTaskDataset
from mtzoo.data.sampler import Draw, WeightedEpochSampler
from mtzoo.errors import UserError
from mtzoo.structures import IGNORE, Batch, Sample


@dataclass
class EvalBatch:
    """images: (N, 3, H, W) uint8 BGR inputs; samples: N, with affine and with boxes and masks in original pixels."""

    images: Tensor
    samples: list[Sample]


def stack_images(samples: Sequence[Sample]) -> Tensor:
    """(N, 3, H, W) uint8 in channels_last memory: the layout images are read in, and the one convolutions want on CPU."""
    return _stack([sample.image for sample in samples]).permute(0, 3, 1, 2)


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    """N uint8 arrays of one shape -> (N, ...). In a worker torch puts them straight into the memory it shares with the trainer."""
    return default_collate([torch.from_numpy(a if a.flags.writeable else a.copy()) for a in arrays])


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one size -> a batch over the tasks that at least one of them has labels for."""
    box_tasks = dict.fromkeys(task for sample in samples for task in sample.boxes)
    mask_tasks = dict.fromkeys(task for sample in samples for task in sample.masks)
    unlabelled = np.full(samples[0].image.shape[:2], IGNORE, dtype=np.uint8)
    return Batch(
        images=stack_images(samples),
        affines=np.stack([sample.affine for sample in samples]),
        original_hws=[sample.original_hw for sample in samples],
        paths=[sample.path for sample in samples],
        sources=[sample.source for sample in samples],
        boxes={task: [sample.boxes.get(task) for sample in samples] for task in box_tasks},
        masks={task: _stack([sample.masks.get(task, unlabelled) for sample in samples]) for task in mask_tasks},
        skipped=tuple(bad for sample in samples for bad in sample.skipped),
    )


def collate_eval(samples: Sequence[Sample]) -> EvalBatch:
    """Samples of an EvalDataset; their labels keep sizes of their own, so they stay samples."""
    return EvalBatch(stack_images(samples), list(samples))


class Loader:
    """Batches of a DataLoader; a UserError leaves a worker as the one line it is, not wrapped in the worker's traceback."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch | EvalBatch]:
        for batch in self._loader:
            if isinstance(batch, UserError):
                raise batch
            yield batch


def make_loader(dataset: MultiTaskDataset, sampler: WeightedEpochSampler | Sequence[Draw], batch_size: int, workers: int, *,
                drop_last: bool = True, pin_memory: bool = False) -> Loader:
    """Batches of one epoch at a time; call `sampler.set_epoch` before each. Workers live on between epochs."""
    return Loader(DataLoader(_Guarded(dataset), batch_sampler=BatchSampler(sampler, batch_size, drop_last),
                             collate_fn=_GuardedCollate(collate), pin_memory=pin_memory, **_worker_options(workers, True)))


def make_eval_loader(dataset: EvalDataset, batch_size: int, workers: int) -> Loader:
    """All images in order, as EvalBatch."""
    return Loader(DataLoader(_Guarded(dataset), batch_size=batch_size, collate_fn=_GuardedCollate(collate_eval),
                             **_worker_options(workers, False)))


class _Guarded(Dataset[Sample]):
    """Fetches a batch's samples; the first UserError takes their place."""

    def __init__(self, dataset: Dataset[Sample]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence[Draw] | Sequence[int]) -> list[Sample] | UserError:
        try:
            return [self.dataset[index] for index in indices]
        except UserError as error:
            return error


@dataclass(frozen=True)
class _GuardedCollate:
    collate_fn: Callable[[Sequence[Sample]], Batch | EvalBatch]

    def __call__(self, samples: list[Sample] | UserError) -> Batch | EvalBatch | UserError:
        return samples if isinstance(samples, UserError) else self.collate_fn(samples)


def _worker_options(workers: int, persistent: bool) -> dict[str, object]:
    if not workers:
        return {"num_workers": 0}
    # Forked workers start in milliseconds and share the image cache; elsewhere the platform's own method serves.
    context = "fork" if sys.platform == "linux" else None
    return {"num_workers": workers, "persistent_workers": persistent, "prefetch_factor": 2, "worker_init_fn": _init_worker,
            "multiprocessing_context": context}


def _init_worker(worker: int) -> None:
    cv2.setNumThreads(0)  # a worker per core: OpenCV's own threads would only fight over them
