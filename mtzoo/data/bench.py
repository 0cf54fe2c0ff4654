"""How fast training images come: each stage, all of them on one core, and through the loader with workers.

The measure is the decode-only bound: what a core reaches that reads and decodes the same images and masks and does nothing
else. Whatever is compared takes turns, batch by batch and round by round, so that a busy machine slows all of it alike.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from statistics import median

import cv2
import numpy as np
import torch

from mtzoo.data.cache import RecordCache
from mtzoo.data.dataset import MultiTaskDataset, decode_files, read_files
from mtzoo.data.groups import Record
from mtzoo.data.loader import Load, collate, empty_images, load_batch, make_loader
from mtzoo.data.sampler import SampleIndex
from mtzoo.errors import UserError

STAGES = ("read", "decode", "geometry", "photometric", "collate")
BOUND, PLAIN, KEPT = "decoding alone", "end to end", "end to end, masks kept"
ROUNDS = 5
LOADER_IMAGES = 64  # at the least, of each worker in a round


@dataclass(frozen=True)
class InputSpeed:
    """one_core: images/s of each of STAGES, of BOUND, PLAIN and, where there are masks, KEPT; bound_share: of PLAIN and KEPT, median
    of their ratio to BOUND in a round; loaders: worker processes -> images/s; decoders: the same of workers that only decode: how
    the machine itself scales; core_share: how much of its core the measuring process was given, below 0.95 the machine was busy or
    the disk slow."""

    images: int
    batch_size: int
    rounds: int
    one_core: dict[str, float]
    bound_share: dict[str, float]
    loaders: dict[int, float]
    decoders: dict[int, float]
    core_share: float


def scaling(speeds: Mapping[int, float]) -> dict[int, float]:
    """Worker processes -> how many times as fast as one. speeds: worker processes -> images/s."""
    return {workers: speed / speeds[1] for workers, speed in speeds.items()}


def bench_input(dataset: MultiTaskDataset, images: int, batch_size: int, max_workers: int,
                on_round: Callable[[int, int], None] | None = None) -> InputSpeed:
    """Measure with the first `images` draws of the first epoch; all files are read once before, so they come from RAM.

    max_workers: the loader is tried with 1, 2, 4 ... of them, up to this; on_round(done, total). Raises UserError for a
    cache, which would leave nothing to decode, and for the first bad image.
    """
    if images < 1 or max_workers < 1:
        raise UserError(f"images={images}, max_workers={max_workers}: both must be at least 1")
    if dataset.cache is not None:
        raise UserError("a dataset with a cache decodes nothing the second time; make it with cache_mb=0")
    draws = list(islice(cycle(dataset.sampler()), images))
    batches = [draws[i:i + batch_size] for i in range(0, images, batch_size)]
    passes = _passes(dataset, images)
    counts = worker_counts(max_workers)
    total = ROUNDS * (1 + len(counts))
    rounds, done = [], 0
    loaders: dict[int, list[float]] = {count: [] for count in counts}
    decoders: dict[int, list[float]] = {count: [] for count in counts}
    with _one_thread():
        _one_core(passes, batches, 0)  # warms the page cache and the allocator, and packs the masks
        for i in range(ROUNDS):
            rounds.append(_one_core(passes, batches, i))
            for count in counts if i % 2 else counts[::-1]:
                loaders[count].append(_loader_speed(dataset, draws, batch_size, count, load_batch))
                decoders[count].append(_loader_speed(dataset, draws, batch_size, count, _decode_batch))
            done += 1 + len(counts)
            if on_round:
                on_round(done, total)
    names = [name for name in rounds[0] if name not in ("wall", "cpu")]
    return InputSpeed(images, batch_size, ROUNDS, {name: images / median(seconds[name] for seconds in rounds) for name in names},
                      {name: median(s[BOUND] / s[name] for s in rounds) for name in (PLAIN, KEPT) if name in names},
                      *({count: median(found) for count, found in each.items()} for each in (loaders, decoders)),
                      median(seconds["cpu"] / seconds["wall"] for seconds in rounds))


def worker_counts(most: int) -> list[int]:
    """1, 2, 4 ... and `most` itself."""
    return sorted({most, *(2**i for i in range(most.bit_length()))})


Seconds = dict[str, float]
Pass = Callable[[Sequence[SampleIndex], Seconds], None]
"""Does something with a batch and adds the seconds it took."""


def _passes(dataset: MultiTaskDataset, images: int) -> list[Pass]:
    """What takes turns. With masks there is one more: how it is when all of them, but no image, have found room in the cache."""
    passes = [partial(_decode_only, dataset), partial(_end_to_end, dataset, PLAIN), partial(_staged, dataset)]
    if any(record.masks for record in dataset.records):
        keeping = copy(dataset)
        keeping.cache = RecordCache(max(images, 64), len(dataset), image_share=0.0)
        passes.append(partial(_end_to_end, keeping, KEPT))
    return passes


def _one_core(passes: Sequence[Pass], batches: Sequence[Sequence[SampleIndex]], turn: int) -> Seconds:
    """Seconds of a core for each of the passes over all batches; who is first changes from batch to batch.

    They are of CPU time: what other processes take of the core is not counted. "wall" has all of it.
    """
    seconds: Seconds = defaultdict(float)
    wall, cpu = time.perf_counter(), time.process_time()
    for i, batch in enumerate(batches):
        first = (i + turn) % len(passes)
        for measure in (*passes[first:], *passes[:first]):
            measure(batch, seconds)
    return {**seconds, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _decode_only(dataset: MultiTaskDataset, draws: Sequence[SampleIndex], seconds: Seconds) -> None:
    start = time.process_time()
    for draw in draws:
        decode_only(dataset.records[draw.index])
    seconds[BOUND] += time.process_time() - start


def decode_only(record: Record) -> list[np.ndarray | None]:
    """Image and masks of a record in full size, each file once, as OpenCV gives them: nothing is checked, nothing changed."""
    files = [(record.path, cv2.IMREAD_COLOR)]
    files += [(path, cv2.IMREAD_UNCHANGED) for path in dict.fromkeys(mask.path for mask in record.masks.values())]
    return [cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags) for path, flags in files]


def _end_to_end(dataset: MultiTaskDataset, name: str, draws: Sequence[SampleIndex], seconds: Seconds) -> None:
    """What the loader does without workers."""
    start = time.process_time()
    load_batch(dataset, draws)
    seconds[name] += time.process_time() - start


def _staged(dataset: MultiTaskDataset, draws: Sequence[SampleIndex], seconds: Seconds) -> None:
    """The same, with a look at the clock between the stages."""
    pipeline, samples = dataset.pipeline, []
    images = empty_images(len(draws), pipeline.geometry.crop_hw)
    for draw, out in zip(draws, images.numpy()):
        record, rng = dataset.records[draw.index], dataset.rng(draw)
        times = [time.process_time()]
        files = read_files(record)
        times.append(time.process_time())
        sample = decode_files(record, files, pipeline.geometry.reduction)
        times.append(time.process_time())
        sample = pipeline.cut(sample, rng, out, dataset.others(draw.index))
        times.append(time.process_time())
        pipeline.recolor(sample, rng)
        times.append(time.process_time())
        samples.append(sample)
        for name, start, end in zip(STAGES, times, times[1:]):
            seconds[name] += end - start
    start = time.process_time()
    collate(samples, images)
    seconds["collate"] += time.process_time() - start


def _decode_batch(dataset: MultiTaskDataset, draws: Sequence[SampleIndex]) -> int:
    """As a `Load`: everything is decoded, nothing given out but how much."""
    for draw in draws:
        decode_only(dataset.records[draw.index])
    return len(draws)


def _loader_speed(dataset: MultiTaskDataset, draws: Sequence[SampleIndex], batch_size: int, workers: int, load: Load) -> float:
    """Images/s out of a loader that nobody has to wait for. Its start is not counted, nor its end, when workers run idle."""
    timed = -(-LOADER_IMAGES // batch_size) * workers
    ahead = 2 * workers
    order = list(islice(cycle(draws), batch_size * (ahead + timed + ahead)))
    batches = iter(make_loader(dataset, order, batch_size, workers, load=load))
    for _ in range(ahead):
        next(batches)
    start = time.perf_counter()
    for _ in range(timed):
        next(batches)
    return timed * batch_size / (time.perf_counter() - start)


@contextmanager
def _one_thread() -> Iterator[None]:
    """A core each: neither torch nor OpenCV helps itself to the others."""
    threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv_threads)
