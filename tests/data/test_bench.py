import cv2
import numpy as np
import pytest
import torch

from mtzoo.data import bench
from mtzoo.data.bench import BOUND, KEPT, PLAIN, STAGES, bench_input, decode_only, scaling, worker_counts
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.errors import UserError

PIPELINE = TrainPipeline(TrainGeometry(crop_hw=(32, 64), resize_hw=(48, 1000), reduced_decode=True))


@pytest.fixture
def dataset(photos):
    return MultiTaskDataset([photos.boxes_task(("car",)), photos.masks_task(("ground", "car"))], PIPELINE)


def test_everything_is_measured(dataset, monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "LOADER_IMAGES", 4)
    seen, threads = [], (torch.get_num_threads(), cv2.getNumThreads())
    speed = bench_input(dataset, 6, 2, 2, lambda done, total: seen.append((done, total)))
    assert set(speed.one_core) == {*STAGES, BOUND, PLAIN, KEPT}
    assert set(speed.bound_share) == {PLAIN, KEPT}
    assert list(speed.loaders) == [1, 2]
    assert list(speed.decoders) == [1, 2]
    rates = (speed.one_core, speed.bound_share, speed.loaders, speed.decoders)
    assert all(rate > 0 for each in rates for rate in each.values())
    assert dataset.cache is None  # the one that keeps masks is another
    assert (speed.images, speed.batch_size, speed.rounds) == (6, 2, 2)
    assert seen == [(3, 6), (6, 6)]
    assert (torch.get_num_threads(), cv2.getNumThreads()) == threads


class Clock:
    """CPU and wall time at once, in steps of one second a look."""

    def __init__(self):
        self.now = 0.0

    def process_time(self):
        self.now += 1.0
        return self.now

    perf_counter = process_time


def test_every_stage_of_every_image_is_counted_once(dataset, monkeypatch):
    monkeypatch.setattr(bench, "time", Clock())
    monkeypatch.setattr(bench, "ROUNDS", 3)
    monkeypatch.setattr(bench, "_loader_speed", lambda dataset, draws, batch_size, workers, load: 10.0 * workers**0.5)
    speed = bench_input(dataset, 4, 2, 4)
    per_batch = dict.fromkeys(("collate", BOUND, PLAIN, KEPT), 2.0)
    assert speed.one_core == {**dict.fromkeys(STAGES, 1.0), **per_batch}  # a second for each image, or each batch of two
    assert speed.bound_share == {PLAIN: 1.0, KEPT: 1.0}
    for speeds in (speed.loaders, speed.decoders):
        assert {workers: round(times, 2) for workers, times in scaling(speeds).items()} == {1: 1.0, 2: 1.41, 4: 2.0}


@pytest.mark.parametrize("load", [bench.load_batch, bench._decode_batch])
def test_the_loader_gives_all_that_is_timed(dataset, monkeypatch, load):
    taken, make_loader = [], bench.make_loader

    def counted(*args, load):
        for batch in make_loader(*args, load=load):
            taken.append(batch if load is bench._decode_batch else len(batch))
            yield batch

    monkeypatch.setattr(bench, "make_loader", counted)
    monkeypatch.setattr(bench, "LOADER_IMAGES", 5)
    assert bench._loader_speed(dataset, list(dataset.sampler()), 2, 1, load) > 0
    assert taken == [2] * (2 + 3)  # two batches ahead, then five images in whole batches


def test_the_bound_decodes_everything_in_full_and_once(dataset):
    turned = dataset.records[1]
    turned.masks["other"] = turned.masks["seg"]
    image, mask = decode_only(turned)
    assert image.shape == (96, 160, 3)
    assert mask.shape == (96, 160)
    assert np.unique(mask).tolist() == [0, 1]


def test_worker_counts_double():
    assert [worker_counts(most) for most in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 8]]


def test_scaling_is_against_one_worker():
    assert scaling({1: 50.0, 2: 90.0}) == {1: 1.0, 2: 1.8}


def test_what_cannot_be_measured_is_told(dataset, photos):
    with pytest.raises(UserError, match="images=0"):
        bench_input(dataset, 0, 2, 1)
    cached = MultiTaskDataset([photos.masks_task(("ground", "car"))], PIPELINE, cache_mb=1)
    with pytest.raises(UserError, match="cache_mb=0"):
        bench_input(cached, 1, 2, 1)
    (photos.root / "images" / "r.jpg").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"r.jpg: no JPEG"):
        bench_input(dataset, 4, 2, 1)
