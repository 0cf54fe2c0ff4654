import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch

from mtzoo.data.dataset import MultiTaskDataset, eval_sets
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.loader import collate, load_batch, make_eval_loader, make_loader
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import EvalPipeline, TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.errors import UserError
from mtzoo.ops.geometry import DeployGeometry
from mtzoo.signals import Interrupted, handled
from mtzoo.structures import IGNORE

PIPELINE = TrainPipeline(TrainGeometry(crop_hw=(32, 64), resize_hw=(48, 64)))


@pytest.fixture
def dataset(tiny):
    return MultiTaskDataset([tiny.boxes_task(), tiny.masks_task()], PIPELINE, cache_mb=1)


def test_collate_keeps_what_is_not_labelled_apart(dataset):
    samples = [dataset[SampleIndex(0, i, i)] for i in (0, 3)]
    del samples[0].masks["seg"]
    batch = collate(samples)
    assert batch.images.shape == (2, 3, 32, 64)
    assert batch.images.dtype == torch.uint8
    np.testing.assert_array_equal(batch.images[1].permute(1, 2, 0).numpy(), samples[1].image)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.boxes["det"][0] is samples[0].boxes["det"]
    assert batch.boxes["det"][1] is None
    assert (batch.masks["seg"][0] == IGNORE).all()
    np.testing.assert_array_equal(batch.masks["seg"][1].numpy(), samples[1].masks["seg"])
    assert batch.affines.shape == (2, 2, 3)


def test_what_the_cache_keeps_is_not_recoloured(dataset):
    geometry = TrainGeometry(crop_hw=(48, 64), resize_hw=(48, 64), flip_prob=0)
    dataset.pipeline = TrainPipeline(geometry, Photometric(prob=0))  # the window is the image
    expected = dataset[SampleIndex(0, 0, 1)].image
    dataset.pipeline = TrainPipeline(geometry, Photometric(prob=1))
    assert (dataset[SampleIndex(0, 0, 1)].image != expected).any()
    np.testing.assert_array_equal(dataset.cache.image(1)[0], expected)


def test_a_batch_is_its_samples_together(dataset):
    draws = list(dataset.sampler())
    batch, samples = load_batch(dataset, draws), [dataset[draw] for draw in draws]
    expected = collate(samples)
    assert torch.equal(batch.images, expected.images)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.paths == expected.paths
    np.testing.assert_array_equal(batch.affines, expected.affines)
    assert all(torch.equal(batch.masks[task], masks) for task, masks in expected.masks.items())


def test_a_task_without_labels_is_not_in_the_batch(dataset):
    assert list(collate([dataset[SampleIndex(0, 0, 3)]]).boxes) == []


def epochs(dataset, workers):
    sampler = dataset.sampler()
    loader = make_loader(dataset, sampler, 2, workers)
    images, skipped = [], []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for batch in loader:
            images.append(batch.images)
            skipped.append(batch.skipped)
    return torch.stack(images), skipped


def test_the_number_of_workers_changes_nothing(dataset):
    expected, _ = epochs(dataset, 0)
    assert expected.shape[0] == 4
    assert (expected[0] != expected[2]).any()
    assert torch.equal(expected, epochs(dataset, 2)[0])


def test_nor_does_it_where_images_are_decoded_smaller(photos):
    geometry = TrainGeometry(crop_hw=(32, 64), resize_hw=(48, 1000), reduced_decode=True)
    tasks = [photos.boxes_task(("car",)), photos.masks_task(("ground", "car"))]
    for cache_mb in (0, 1):
        dataset = MultiTaskDataset(tasks, TrainPipeline(geometry), cache_mb=cache_mb)
        assert torch.equal(epochs(dataset, 0)[0], epochs(dataset, 2)[0])


def test_nor_does_it_where_an_image_is_bad(dataset, tiny):
    (tiny.root / "images" / "b.png").write_bytes(b"junk")
    expected, skipped = epochs(dataset, 0)
    assert sorted(len(batch) for batch in skipped)[0] == 0  # the batches without it tell nothing
    assert {bad.path.stem for batch in skipped for bad in batch} == {"b"}
    images, skipped_by_workers = epochs(dataset, 2)
    assert torch.equal(expected, images)
    assert skipped_by_workers == skipped


def test_eval_loader_gives_samples_in_order(tiny):
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    batches = list(make_eval_loader(eval_set.dataset, 3, 0))
    assert [b.images.shape for b in batches] == [(3, 3, 32, 64), (1, 3, 32, 64)]
    assert [s.path.stem for b in batches for s in b.samples] == list("abcd")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_leaves_a_worker_as_one_line(tiny, workers):
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    (tiny.root / "images" / "b.png").write_bytes(b"junk")
    loader = make_eval_loader(eval_set.dataset, 2, workers)
    with pytest.raises(UserError) as error:
        list(loader)
    assert str(error.value).startswith(f"{tiny.root}/images/b.png: no JPEG, PNG, BMP or WebP image, or a damaged one; restore")


def test_too_little_shared_memory_is_one_line(tiny, monkeypatch):
    """As where a container gives /dev/shm 64 MB: the worker's own allocation fails."""
    def full(size, **_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.UntypedStorage, "_new_shared", full)
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    with pytest.raises(UserError, match=r"shared memory, which has run out; set env\.workers=0, or give /dev/shm more room"):
        list(make_eval_loader(eval_set.dataset, 2, 1))


def test_no_shared_memory_is_one_line(tiny, monkeypatch):
    def read_only(self):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(type(multiprocessing.get_context()), "Lock", read_only)
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    with pytest.raises(UserError, match=r"shared memory, which is not available \(Read-only file system\); set env\.workers=0"):
        list(make_eval_loader(eval_set.dataset, 2, 1))


def test_another_fault_of_a_worker_keeps_its_traceback(tiny, monkeypatch):
    def broken(size, **_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(torch.UntypedStorage, "_new_shared", broken)
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    with pytest.raises(RuntimeError, match="a bug"):
        list(make_eval_loader(eval_set.dataset, 2, 1))


def test_a_worker_whose_parent_is_gone_before_it_has_begun_ends(tiny, monkeypatch):
    """As when the parent is killed right after the fork: the worker has another parent from its first line on."""
    monkeypatch.setattr("os.getppid", lambda: 1)
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(make_eval_loader(eval_set.dataset, 1, 1))


def test_a_signal_while_workers_start_waits_for_all_of_them(tiny, monkeypatch):
    """torch's iterator has a finalizer that prints a traceback if its __init__ was cut short."""
    def start_amid_a_signal(process):
        os.kill(os.getpid(), signal.SIGTERM)
        start(process)
        started.append(process.pid)

    context, started = multiprocessing.get_context("fork").Process, []
    start = context.start
    monkeypatch.setattr(context, "start", start_amid_a_signal)
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    with pytest.raises(Interrupted, match="terminated"), handled():
        list(make_eval_loader(eval_set.dataset, 1, 2))
    assert len(started) == 2


def test_more_workers_than_cpus_are_no_warning(dataset, tiny, monkeypatch, recwarn):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert len(list(make_loader(dataset, [SampleIndex(0, i, i) for i in range(2)], 1, 2))) == 2
    (eval_set,) = eval_sets([tiny.masks_task()], EvalPipeline(DeployGeometry((32, 64), (48, 64), drop_top=16)))
    assert len(list(make_eval_loader(eval_set.dataset, 3, 2))) == 2
    assert not [each for each in recwarn if "worker" in str(each.message)]
