import pytest

from mtzoo.data import MultiTaskDataset, TrainPipeline
from mtzoo.engine.bad_images import BadImages
from mtzoo.engine.evaluate import task_data
from mtzoo.engine.loop import BatchStream
from tests.tiny import config_values, tiny_config, write_images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("tiny") / "data", count=12)


def batches(images, start, count, **env):
    """(files, pixels) of `count` batches of 2, six to an epoch, from iteration `start` on."""
    config = tiny_config(images, ["seg"], env={**config_values(images)["env"], **env})
    dataset = MultiTaskDataset(task_data(config, "train"), TrainPipeline(config.train_geometry, config.photometric))
    stream = BatchStream(config, dataset, 2, BadImages(12, 0.0))
    assert stream.per_epoch == 6
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
