"""Input sizes that change every few iterations: a function of seed and iteration, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.data.augmentation import Augmentation, Mosaic, MultiScale
from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.geometry import TrainGeometry
from mtzoo.data.multi_scale import SizeSchedule, sizes_between
from mtzoo.data.photometric import Photometric
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.data.sampler import SampleIndex
from mtzoo.data.sources import CocoBoxes, MaskFolder, TaskData
from mtzoo.errors import UserError
from mtzoo.ops.affine import map_boxes
from mtzoo.structures import IGNORE
from tests.tiny import write_images

SIZES = ((48, 64), (64, 96), (96, 128))


def test_sizes_are_multiples_of_the_stride_of_nearly_the_same_aspect():
    assert sizes_between((384, 480), (0.75, 1.25), 32) == ((288, 352), (320, 384), (352, 448), (384, 480), (416, 512), (448, 576),
                                                           (480, 608))
    assert sizes_between((32, 320), (0.5, 2), 32) == ((32, 320), (64, 640))
    with pytest.raises(UserError, match=r"scale_range=\[0.99, 1.01\]: leaves one size of crop_hw=\[384, 480\] in steps of 32"):
        sizes_between((384, 480), (0.99, 1.01), 32)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 6), st.integers(0, 60))
def test_a_size_lasts_for_its_interval_in_every_process(interval, per_batch, ranks, iteration):
    """As `BatchStream` numbers draws: position in the epoch of all processes' images."""
    per_epoch, images = 5, per_batch * ranks
    schedule = SizeSchedule(SIZES, interval, images, per_epoch, seed=3)
    epoch, within = divmod(iteration, per_epoch)
    own = {schedule.at(SampleIndex(epoch, within * images + place, 0)) for place in range(images)}
    assert len(own) == 1
    first = iteration // interval * interval
    epoch, within = divmod(first, per_epoch)
    assert own == {schedule.at(SampleIndex(epoch, within * images, 0))}


def test_all_sizes_come_up_and_seeds_differ():
    drawn = [[SizeSchedule(SIZES, 2, 1, 1000, seed).at(SampleIndex(0, i, 0)) for i in range(200)] for seed in (0, 1)]
    assert all(20 < each.count(size) < 120 for each in drawn for size in SIZES)
    assert drawn[0] != drawn[1]


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    root = write_images(tmp_path_factory.mktemp("tiny") / "data")
    images = str(root / "images")
    return [TaskData("seg", "segmentation", ("sky", "ground", "thing"), (MaskFolder(images, str(root / "masks"), "own"),)),
            TaskData("det", "detection", ("blue", "yellow"), (CocoBoxes(images, str(root / "boxes.json"), "own"),))]


GEOMETRY = TrainGeometry(crop_hw=(48, 72), resize_type="none", scale_range=(0.9, 1.2), min_size=0.0, min_visible=0.0)


@pytest.mark.parametrize("size", [(32, 48), (96, 144), (64, 64)])
def test_the_window_stays_and_its_labels_follow(tasks, size):
    """Boxes are where the size puts them, masks show the same things, and nothing is known beyond the original."""
    dataset = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0)))
    other = dataset.pipeline.at(size)
    assert dataset.pipeline.at((48, 72)) is dataset.pipeline
    for position in range(12):
        draw = SampleIndex(0, position, position % 6)
        base, shown = dataset[draw], dataset.sample(draw, dataset.rng(draw), None, other)
        assert shown.image.shape == (*size, 3)
        assert shown.masks["seg"].shape == size
        area = [np.linalg.det(sample.affine[:, :2]) / sample.image[..., 0].size for sample in (base, shown)]
        assert area[0] == pytest.approx(area[1], rel=0.06)  # the window has whole pixels of the original
        source = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY)).records[draw.index].boxes["det"]
        full = map_boxes(shown.affine, source.xyxy)
        clipped = np.clip(full, 0, [size[1], size[0]] * 2)
        np.testing.assert_allclose(shown.boxes["det"].xyxy, clipped[(clipped[:, 2:] > clipped[:, :2]).all(axis=1)], atol=1e-3)
        for x1, y1, x2, y2 in shown.boxes["det"].xyxy:
            inside = shown.masks["seg"][int(y1) + 1:int(y2), int(x1) + 1:int(x2)]
            assert (inside == 2).mean() > 0.9 if inside.size > 30 else True
        if size != (64, 64):
            shares = [(sample.masks["seg"] == IGNORE).mean() for sample in (base, shown)]
            assert shares[0] == pytest.approx(shares[1], abs=0.06)


def test_a_batch_has_its_iterations_size_and_mosaics_fill_it(tasks):
    parts = Augmentation(mosaic=Mosaic(1), multi_scale=MultiScale())
    dataset = MultiTaskDataset(tasks, TrainPipeline(GEOMETRY, Photometric(prob=0), parts))
    schedule = SizeSchedule(SIZES, 1, 2, 3, seed=0)
    for iteration in range(6):
        draws = [SampleIndex(iteration // 3, iteration % 3 * 2 + i, i) for i in range(2)]
        batch, again = schedule(dataset, draws), schedule(dataset, draws)
        assert tuple(batch.images.shape[2:]) == tuple(batch.masks["seg"].shape[1:]) == schedule.at(draws[1])
        np.testing.assert_array_equal(batch.images, again.images)


def test_images_are_decoded_for_the_largest_size_whatever_comes_first(photos):
    """A cache keeps what the first size asked for: a resumed run may begin with another one."""
    geometry = TrainGeometry((48, 80), resize_hw=(24, 40), reduced_decode=True)
    task = TaskData("seg", "segmentation", ("around", "thing"), (photos.masks_source(),))
    small, both = (MultiTaskDataset([task], TrainPipeline(geometry), largest_hw=hw, cache_mb=4) for hw in (None, (192, 320)))
    assert small.reduction((96, 160)) == 4
    assert both.reduction((96, 160)) == 1
    draw = SampleIndex(0, 0, 0)
    first = both.sample(draw, both.rng(draw), None, both.pipeline.at((192, 320))).image
    both.sample(draw, both.rng(draw))
    np.testing.assert_array_equal(both.sample(draw, both.rng(draw), None, both.pipeline.at((192, 320))).image, first)


@pytest.mark.parametrize("values", [{"scale_range": (1.5, 1.2)}, {"scale_range": (0.1, 1)}, {"interval": 0}])
def test_what_cannot_be_is_told(values):
    with pytest.raises(UserError):
        MultiScale(**values)
