"""Samples -> batches, in the background."""

import math
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, default_collate, get_worker_info

from mtzoo.data.dataset import EvalDataset, MultiTaskDataset
from mtzoo.data.sampler import SampleIndex, WeightedEpochSampler
from mtzoo.errors import UserError
from mtzoo.machine import check_processes
from mtzoo.signals import deferred, end_with_parent
from mtzoo.structures import IGNORE, NO_LABEL, Batch, Sample

NO_SHARED_MEMORY = ("unable to allocate shared memory", "out of shared memory", "Bus error", "unable to open shared memory object",
                    "unable to mmap")
SHM_ADVICE = "set env.workers=0, or give /dev/shm more room (docker run --shm-size=2g)"


@dataclass
class EvalBatch:
    """images: (N, 3, H, W) uint8 BGR inputs; samples: N, with affine and with boxes and masks in original pixels."""

    images: Tensor
    samples: list[Sample]


def load_batch(dataset: MultiTaskDataset, draws: Sequence[SampleIndex], hw: tuple[int, int] | None = None) -> Batch:
    """The samples of some draws as a batch, in crop_hw or another size. Each image is cut and coloured where it stays: it is never
    copied."""
    pipeline = dataset.pipeline.at(hw or dataset.pipeline.geometry.crop_hw)
    images = empty_images(len(draws), pipeline.geometry.crop_hw)
    rngs = [dataset.rng(draw) for draw in draws]  # all at once: one by one, each would be out of the CPU's cache by the next
    return collate([dataset.sample(*each, pipeline) for each in zip(draws, rngs, images.numpy())], images)


def empty_images(count: int, hw: tuple[int, int]) -> Tensor:
    """(count, *hw, 3) uint8; in a worker it is memory that the trainer shares."""
    shape = (count, *hw, 3)
    if get_worker_info() is None:
        return torch.empty(shape, dtype=torch.uint8)
    storage = torch.UntypedStorage._new_shared(math.prod(shape))  # as torch's own collate does: share_memory_() would copy
    return torch.empty(0, dtype=torch.uint8).set_(storage, 0, shape)


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    """N uint8 arrays of one shape -> (N, ...). In a worker torch puts them straight into the memory it shares with the trainer."""
    return default_collate([torch.from_numpy(array) for array in arrays])


def collate(samples: Sequence[Sample], images: Tensor | None = None) -> Batch:
    """Samples of one size -> a batch over the tasks that at least one of them has labels for.

    images: (N, H, W, 3), where the samples' images lie one after the other already. The batch has them as (N, 3, H, W) in
    channels_last memory: the layout images are read in, and the one convolutions want on CPU.
    """
    if images is None:
        images = _stack([sample.image for sample in samples])
    box_tasks = dict.fromkeys(task for sample in samples for task in sample.boxes)
    mask_tasks = dict.fromkeys(task for sample in samples for task in sample.masks)
    label_tasks = dict.fromkeys(task for sample in samples for task in sample.image_labels)
    unlabelled = np.full(samples[0].image.shape[:2], IGNORE, dtype=np.uint8)
    return Batch(
        images=images.permute(0, 3, 1, 2),
        affines=np.stack([sample.affine for sample in samples]),
        original_hws=[sample.original_hw for sample in samples],
        paths=[sample.path for sample in samples],
        sources=[sample.source for sample in samples],
        boxes={task: [sample.boxes.get(task) for sample in samples] for task in box_tasks},
        masks={task: _stack([sample.masks.get(task, unlabelled) for sample in samples]) for task in mask_tasks},
        skipped=tuple(bad for sample in samples for bad in sample.skipped),
        image_labels={task: torch.tensor([sample.image_labels.get(task, NO_LABEL) for sample in samples]) for task in label_tasks},
    )


def load_eval_batch(dataset: EvalDataset, indices: Sequence[int]) -> EvalBatch:
    """The images of some places as a batch."""
    return collate_eval([dataset[index] for index in indices])


def collate_eval(samples: Sequence[Sample]) -> EvalBatch:
    """Samples of an EvalDataset; their labels keep sizes of their own, so they stay samples."""
    return EvalBatch(_stack([sample.image for sample in samples]).permute(0, 3, 1, 2), list(samples))


@contextmanager
def _workers_as_asked() -> Iterator[None]:
    """Without torch's remark on more workers than CPUs: how many are sensible, `check_processes` decides."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        yield


class Loader:
    """Batches of a DataLoader. A UserError leaves a worker as the one line it is, not wrapped in the worker's traceback, and so does
    what the machine lacks for workers."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch | EvalBatch]:
        if self._loader.num_workers:
            _check_shared_memory()
        batches = self._batches()
        while (batch := next(batches, None)) is not None:
            if isinstance(batch, UserError):
                raise batch
            yield batch

    def _batches(self) -> Iterator[Batch | EvalBatch | UserError]:
        try:
            with _workers_as_asked(), deferred():  # an iterator that is left half made prints a traceback in the end
                batches = iter(self._loader)
            yield from batches
        except RuntimeError as error:
            if any(text in str(error) for text in NO_SHARED_MEMORY):
                raise UserError(f"worker processes hand images over in shared memory, which has run out; {SHM_ADVICE}") from error
            raise


def _check_shared_memory() -> None:
    """Raises UserError where processes can share none, e.g. with a read-only /dev/shm."""
    try:
        multiprocessing.get_context().Lock()
    except OSError as error:
        raise UserError(f"worker processes need shared memory, which is not available ({error.strerror}); {SHM_ADVICE}") from error


Load = Callable[[Any, Sequence[Any]], Any]
"""(data set, its draws or indices) -> a batch of them."""


def make_loader(dataset: MultiTaskDataset, sampler: WeightedEpochSampler | Sequence[SampleIndex], batch_size: int, workers: int, *,
                drop_last: bool = True, pin_memory: bool = False, load: Load = load_batch) -> Loader:
    """Batches of one epoch at a time; call `sampler.set_epoch` before each. Workers live on between epochs.

    load: makes what is given out for a batch of draws.
    """
    with _workers_as_asked():
        return Loader(DataLoader(_Batches(dataset, load), batch_sampler=BatchSampler(sampler, batch_size, drop_last),
                                 collate_fn=_as_loaded, pin_memory=pin_memory, **_worker_options(workers, True)))


def make_eval_loader(dataset: EvalDataset, batch_size: int, workers: int, *, rank: int = 0, ranks: int = 1) -> Loader:
    """All images in order, as EvalBatch; of several processes each reads every `ranks`-th batch, from that of its rank on."""
    batches = list(BatchSampler(range(len(dataset)), batch_size, drop_last=False))[rank::ranks]
    with _workers_as_asked():
        return Loader(DataLoader(_Batches(dataset, load_eval_batch), batch_sampler=batches, collate_fn=_as_loaded,
                                 **_worker_options(workers, False)))


@dataclass(frozen=True)
class _Batches(Dataset[Sample]):
    """Gives a DataLoader whole batches; a UserError takes the place of its batch."""

    dataset: MultiTaskDataset | EvalDataset
    load: Load

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence[SampleIndex] | Sequence[int]) -> Batch | EvalBatch | UserError:
        try:
            return self.load(self.dataset, indices)
        except UserError as error:
            return error


def _as_loaded(batch: Batch | EvalBatch | UserError) -> Batch | EvalBatch | UserError:
    return batch  # in place of a collate_fn


def _worker_options(workers: int, persistent: bool) -> dict[str, object]:
    if not workers:
        return {"num_workers": 0}
    check_processes("env.workers", workers)
    # Forked workers start in milliseconds and share the image cache; elsewhere the platform's own method serves.
    context = "fork" if sys.platform == "linux" else None
    return {"num_workers": workers, "persistent_workers": persistent, "prefetch_factor": 2,
            "worker_init_fn": partial(_init_worker, os.getpid()), "multiprocessing_context": context}


def _init_worker(parent: int, worker: int) -> None:
    end_with_parent(parent)  # as it was before the fork: the parent may be gone by now, and another process in its place
    cv2.setNumThreads(0)  # a worker per core: OpenCV's own threads would only fight over them
