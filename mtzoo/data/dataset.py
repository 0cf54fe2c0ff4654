"""Datasets: several tasks' sources as one stream of samples for training, and folder by folder for evaluation."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from mtzoo.data.cache import RecordCache
from mtzoo.data.groups import Group, Record, build_groups
from mtzoo.data.images import (
    Reduction,
    apply_table,
    decode_image,
    decode_mask,
    fit_mask,
    full_size,
    image_size_problem,
    mask_size_problem,
    read_bytes,
)
from mtzoo.data.pipeline import EvalPipeline, Others, TrainPipeline
from mtzoo.data.repeat_factors import repeat_factors
from mtzoo.data.sampler import SampleIndex, WeightedEpochSampler
from mtzoo.data.sources import TaskData
from mtzoo.errors import UserError
from mtzoo.ops.affine import scale_shift
from mtzoo.structures import BadImage, Sample

ATTEMPTS = 16
"""Images of a folder that are tried for one place of an epoch. With a tenth of them bad, a run of 16 has odds of 1 in 10^16."""
_STAND_IN = 1  # a stream of random numbers of its own, apart from the transforms'


class RecordFiles(NamedTuple):
    """The content of a record's files. masks: one of several tasks is there once."""

    image: bytes
    masks: dict[Path, bytes]


def read_files(record: Record) -> RecordFiles:
    """Read, nothing decoded. Raises UserError for a file that cannot be read."""
    return RecordFiles(read_bytes(record.path), _read_masks(record))


def _read_masks(record: Record) -> dict[Path, bytes]:
    return {path: read_bytes(path) for path in dict.fromkeys(file.path for file in record.masks.values())}


def decode_files(record: Record, files: RecordFiles, reduction: Reduction = full_size) -> Sample:
    """A record as a sample in original pixels; its image may be smaller, and then its affine says so.

    Raises UserError for every fault of image and masks.
    """
    image, factor = _decode_image(record, files.image, reduction)
    return _sample(record, image, factor, _decode_masks(record, files.masks, (image.shape[0] * factor, image.shape[1] * factor)))


def _decode_image(record: Record, data: bytes, reduction: Reduction) -> tuple[np.ndarray, int]:
    image, factor = decode_image(data, record.path, reduction)
    if problem := image_size_problem(record.path, (image.shape[0] * factor, image.shape[1] * factor), record.hw):
        raise UserError(f"{record.path}: {problem}")
    return image, factor


def _decode_masks(record: Record, data: dict[Path, bytes], hw: tuple[int, int]) -> dict[str, np.ndarray]:
    raw = {path: decode_mask(content, path) for path, content in data.items()}
    masks: dict[str, np.ndarray] = {}
    for task, file in record.masks.items():
        mask = raw[file.path]
        if problem := mask_size_problem(record.path, hw, mask.shape, file.resized):
            raise UserError(f"{file.path}: {problem}")
        masks[task] = apply_table(fit_mask(mask, hw), file.table, file.path, file.source)
    return masks


def _sample(record: Record, image: np.ndarray, factor: int, masks: dict[str, np.ndarray]) -> Sample:
    return Sample(image=image, path=record.path, source=record.source, affine=scale_shift(1 / factor, 1 / factor),
                  original_hw=(image.shape[0] * factor, image.shape[1] * factor), boxes=dict(record.boxes), masks=masks,
                  image_labels=dict(record.image_labels))


def read_arrays(record: Record) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A record's image (H, W, 3) BGR and, by task, masks (H, W) of class ids. Raises UserError for every fault."""
    sample = decode_files(record, read_files(record))
    return sample.image, sample.masks


def read_sample(record: Record, cache: RecordCache | None = None, index: int = 0, reduction: Reduction = full_size) -> Sample:
    """A record as a sample, see `decode_files`; an image from the cache is read-only."""
    if cache is None:
        return decode_files(record, read_files(record), reduction)
    kept = cache.image(index)
    image, factor = kept or _decode_image(record, read_bytes(record.path), reduction)
    masks = cache.masks(index)
    if masks is None:
        hw = (image.shape[0] * factor, image.shape[1] * factor)
        masks = list(_decode_masks(record, _read_masks(record), hw).values())
        cache.keep_masks(index, masks)
    if kept is None:
        cache.keep_image(index, image, factor)  # after the masks: nothing is kept of a record that is bad
    return _sample(record, image, factor, dict(zip(record.masks, masks)))


def _is_bad(record: Record) -> bool:
    try:
        read_arrays(record)
    except UserError:
        return True
    return False


class MultiTaskDataset(Dataset[Sample]):
    """Training samples of all tasks; an image with labels of several tasks is loaded once, with all of them.

    Items are asked for by `SampleIndex`s of its `sampler()`: the random transforms depend on (seed, epoch, position) alone, so a
    run does not change with the number of workers. Where a drawn image is bad, another of its folder takes the place, and
    the sample says so. cache_mb: RAM for decoded images and masks, shared by forked workers; largest_hw: the largest size that samples
    are asked for in, None for crop_hw alone: images are decoded for that one, whatever comes first.
    """

    def __init__(self, tasks: Sequence[TaskData], pipeline: TrainPipeline, *, seed: int = 0, cache_mb: int = 0,
                 largest_hw: tuple[int, int] | None = None) -> None:
        self.groups = build_groups(tasks)
        self.records = [record for group in self.groups for record in group.records]
        self.repeats = repeat_factors(self.groups, tasks)
        self.pipeline, self.seed = pipeline, seed
        self.reduction = pipeline.at(largest_hw or pipeline.geometry.crop_hw).geometry.reduction
        image_share = 0.75 if any(record.masks for record in self.records) else 1.0
        self.cache = RecordCache(cache_mb, len(self.records), image_share) if cache_mb else None

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, draw: SampleIndex) -> Sample:
        """The sample of a draw. Raises UserError when ATTEMPTS images in a row are bad."""
        return self.sample(draw, self.rng(draw))

    def sample(self, draw: SampleIndex, rng: np.random.Generator, out: np.ndarray | None = None,
               pipeline: TrainPipeline | None = None) -> Sample:
        """The same with the draw's `rng` at hand and, if given, with the image in `out`, (*crop_hw, 3) uint8. pipeline: for another
        crop_hw."""
        pipeline, skipped = pipeline or self.pipeline, list[BadImage]()
        for index in self._candidates(draw):
            record = self.records[index]
            try:
                sample = read_sample(record, self.cache, index, self.reduction)
            except UserError as error:
                skipped.append(BadImage(record.path, str(error)))
                continue
            sample = pipeline.cut(sample, rng, out, self.others(index))
            skipped += sample.skipped
            pipeline.recolor(sample, rng)
            return replace(sample, skipped=tuple(skipped)) if skipped else sample
        raise UserError(f"{skipped[0].fault} (so are the next {ATTEMPTS - 1} images drawn from its folder; "
                        "`mtzoo data check` lists all)")

    def others(self, index: int) -> Others:
        """What gives samples of a record's group, that one's own among them."""
        def other(rng: np.random.Generator) -> Sample:
            skipped: list[BadImage] = []
            for drawn in [*rng.integers(*self._group(index), ATTEMPTS - 1).tolist(), index]:
                record = self.records[drawn]
                try:
                    sample = read_sample(record, self.cache, drawn, self.reduction)
                except UserError as error:
                    skipped.append(BadImage(record.path, str(error)))
                    continue
                return replace(sample, skipped=tuple(skipped)) if skipped else sample
            raise UserError(skipped[0].fault)

        return other

    def _group(self, index: int) -> tuple[int, int]:
        """First record and end of the group of a record."""
        starts = np.cumsum([0, *(len(group.records) for group in self.groups)])
        group = int(np.searchsorted(starts, index, side="right")) - 1
        return int(starts[group]), int(starts[group + 1])

    def rng(self, draw: SampleIndex) -> np.random.Generator:
        """The random numbers of a place's transforms."""
        return np.random.default_rng((self.seed, draw.epoch, draw.position))

    def _candidates(self, draw: SampleIndex) -> Iterator[int]:
        """The drawn record, then others of its group: a function of the draw alone, as the transforms are."""
        yield draw.index
        rng = np.random.default_rng((self.seed, draw.epoch, draw.position, _STAND_IN))
        yield from rng.integers(*self._group(draw.index), ATTEMPTS - 1).tolist()

    def still_bad(self, paths: Collection[Path]) -> set[Path]:
        """Those of `paths` that are images of this set and cannot be read."""
        return {record.path for record in self.records if record.path in paths and _is_bad(record)}

    def sampler(self, samples_per_epoch: int | None = None, rank: int = 0, world_size: int = 1,
                shuffle_chunk_size: int = 0) -> WeightedEpochSampler:
        """Draws in proportion to weight * images of each folder, and to the factors of `repeat_factors`."""
        return WeightedEpochSampler([len(g.records) for g in self.groups], [g.weight for g in self.groups], seed=self.seed,
                                    samples_per_epoch=samples_per_epoch, rank=rank, world_size=world_size,
                                    shuffle_chunk_size=shuffle_chunk_size, repeats=self.repeats and self.repeats.images)


class EvalDataset(Dataset[Sample]):
    """The images of one folder in order: input image and affine; boxes and masks in original pixels."""

    def __init__(self, group: Group, pipeline: EvalPipeline) -> None:
        self.group, self.pipeline = group, pipeline

    def __len__(self) -> int:
        return len(self.group.records)

    def __getitem__(self, index: int) -> Sample:
        return self.pipeline(read_sample(self.group.records[index]))


@dataclass(frozen=True)
class EvalSet:
    """One folder to evaluate on. sources: task it serves -> name of the task's source here. A sample may lack some of them."""

    name: str
    sources: dict[str, str]
    dataset: EvalDataset


def eval_sets(tasks: Sequence[TaskData], pipeline: EvalPipeline, limit: int | None = None) -> list[EvalSet]:
    """One set for each images folder of the tasks' sources, so that each image is predicted once.

    limit: of each folder the first so many images. Raises UserError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UserError(f"limit={limit}: images of each folder, must be at least 1")
    groups = [replace(group, records=group.records[:limit]) for group in build_groups(tasks)]
    return [EvalSet(group.name, group.sources, EvalDataset(group, pipeline)) for group in groups]
