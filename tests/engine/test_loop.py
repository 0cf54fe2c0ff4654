import copy
from dataclasses import replace

import pytest
import torch

from mtzoo.data.dataset import MultiTaskDataset
from mtzoo.data.pipeline import TrainPipeline
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.evaluate import task_data, train_pipeline
from mtzoo.engine.loop import BatchStream, train_step
from mtzoo.engine.losses import MultiTaskLoss
from mtzoo.engine.stages import network_at
from mtzoo.errors import UserError
from tests.tiny import config_values, tiny_config, write_images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("tiny") / "data", count=12)


def batches(images, start, count, accumulated=1, sizes=(), **env):
    """(files, pixels) of `count` batches of 2, six to an epoch, from iteration `start` on."""
    augmentation = {"multi_scale": {"interval": 2}, "mixup": {}} if sizes else {}
    config = tiny_config(images, ["seg"], env={**config_values(images)["env"], **env}, augmentation=augmentation)
    dataset = MultiTaskDataset(task_data(config, "train"), train_pipeline(config))
    stream = BatchStream(config, dataset, 2, BadImages(12, 0.0), accumulated=accumulated, sizes=sizes)
    assert stream.per_epoch == 6 // accumulated
    taken = [batch for _, batch in zip(range(count), stream.start_at(start))]
    return [([path.stem for path in batch.paths], batch.images.sum(dim=(1, 2, 3)).tolist()) for batch in taken]


def test_chunks_reach_the_batches_whatever_the_workers_and_resume_inside_an_epoch(images):
    whole = batches(images, 0, 12, shuffle_chunk_size=4)
    assert whole == batches(images, 0, 12, shuffle_chunk_size=4, workers=2)
    assert whole[3:] == batches(images, 3, 9, shuffle_chunk_size=4, workers=2)
    assert whole != batches(images, 0, 12)
    names = sorted(str(i) for i in range(12))  # a folder's order is that of names: 0, 1, 10, 11, 2 ...
    chunks = [{names.index(stem) // 4 for files, _ in whole[i:i + 2] for stem in files} for i in range(0, 12, 2)]
    assert all(len(chunk) == 1 for chunk in chunks)
    assert [stem for files, _ in whole[:6] for stem in files] != [stem for files, _ in whole[6:] for stem in files]


@pytest.mark.parametrize(("epochs", "iterations"), [(1.1, 11), (0.35, 4), (0.01, 1), (3, 30)])
def test_a_begun_iteration_of_the_last_epoch_counts(images, epochs, iterations):
    config = tiny_config(images, ["seg"])
    stream = BatchStream(config, MultiTaskDataset(task_data(config, "train"), train_pipeline(config)), 2, BadImages(12, 0.0))
    stream.per_epoch = 10
    assert stream.iterations(replace(config.solver[0].float_phase, epochs=epochs, iterations=None)) == iterations


def test_sizes_last_for_their_interval_and_resume_finds_them(images):
    """The number of pixels tells the size: two iterations have one, accumulated batches are one iteration."""
    sizes = ((32, 64), (64, 96), (96, 128))
    whole = batches(images, 0, 12, sizes=sizes)
    assert whole == batches(images, 0, 12, sizes=sizes, workers=2)
    assert whole[5:] == batches(images, 5, 7, sizes=sizes)
    assert whole != batches(images, 0, 12)
    pairs = batches(images, 0, 12, accumulated=2, sizes=sizes)
    assert pairs[8:] == batches(images, 4, 4, accumulated=2, sizes=sizes)


def test_several_batches_are_one_iteration_and_resume_finds_its_place(images):
    """Of six batches in an epoch four accumulated ones leave two out, as batches that do not fill one are left out."""
    single, pairs = batches(images, 0, 12), batches(images, 0, 12, accumulated=2)
    assert pairs == single
    assert batches(images, 4, 4, accumulated=2) == single[8:]
    fours = batches(images, 0, 8, accumulated=4)
    assert fours == [*single[:4], *single[6:10]]
    assert batches(images, 1, 4, accumulated=4) == single[6:10]
    with pytest.raises(UserError, match="batch_size=2 with accumulate_grad_batches=7 for 1 .* more than an epoch.s 12 samples"):
        batches(images, 0, 1, accumulated=7)


@pytest.mark.parametrize("accumulated", [1, 3])
def test_processes_that_share_a_batch_draw_what_one_draws(images, accumulated):
    """From the same iteration on, across the end of an epoch: batches of 4 in one process, of 2 in each of two."""
    def drawn(batch_size, world_size, start):
        config = tiny_config(images, ["seg"])
        dataset = MultiTaskDataset(task_data(config, "train"), train_pipeline(config))
        streams = [BatchStream(config, dataset, batch_size, BadImages(12, 0.0), accumulated=accumulated, rank=rank,
                               world_size=world_size).start_at(start) for rank in range(world_size)]
        return [sorted(path.stem for stream in streams for path in next(stream).paths) for _ in range(6)]

    assert drawn(2, 2, 1) == drawn(4, 1, 1) == drawn(1, 4, 1)
    assert drawn(4, 1, 1) != drawn(4, 1, 0)


def test_an_update_takes_the_mean_gradient_of_its_batches(images):
    config = tiny_config(images, ["seg"])
    dataset = MultiTaskDataset(task_data(config, "train"), TrainPipeline(config.train_geometry, config.photometric))
    first, second = (batch for _, batch in zip(range(2), BatchStream(config, dataset, 2, BadImages(12, 0.0)).start_at(0)))
    net, criterion = network_at(config, 0, quantized=False).train(), MultiTaskLoss(config)
    before = {name: value.clone() for name, value in net.named_parameters()}
    moved, losses = [], []
    for taken in ([first], [second], [first, second]):
        own = copy.deepcopy(net)
        losses.append(train_step(own, criterion, taken, torch.optim.SGD(own.parameters(), lr=1.0), 1e9, False).read())
        moved.append({name: value.detach() - before[name] for name, value in own.named_parameters()})
    for name, both in moved[2].items():
        torch.testing.assert_close(both, (moved[0][name] + moved[1][name]) / 2, rtol=1e-3, atol=1e-5)
    assert losses[2] == {name: pytest.approx((losses[0][name] + losses[1][name]) / 2) for name in losses[0]}
    assert any(not torch.allclose(moved[0][name], moved[1][name], rtol=1e-2) for name in before)
