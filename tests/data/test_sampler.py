import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.data.sampler import WeightedEpochSampler, epoch_order, shuffled_pass
from mtzoo.errors import UserError


def test_equal_weights_show_each_image_once():
    assert sorted(epoch_order([5, 3], [1.0, 1.0], 8, seed=0, epoch=4)) == list(range(8))


def test_epochs_and_seeds_differ_and_repeat():
    first = epoch_order([50], [1.0], 50, 0, 0)
    np.testing.assert_array_equal(first, epoch_order([50], [1.0], 50, 0, 0))
    assert (first != epoch_order([50], [1.0], 50, 0, 1)).any()
    assert (first != epoch_order([50], [1.0], 50, 1, 0)).any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 20)), min_size=1, max_size=5), st.integers(1, 200), st.integers(0, 9),
       st.sampled_from([0, 1, 7, 100]))
def test_shares_follow_weight_times_images_and_passes_do_not_repeat(groups, samples, epoch, chunk):
    sizes, weights = zip(*groups)
    order = epoch_order(sizes, weights, samples, 0, epoch, chunk)
    assert len(order) == samples
    shares = np.multiply(sizes, weights)
    ideal = samples * shares / shares.sum()
    counts = np.bincount(order, minlength=sum(sizes))
    for part, share in zip(np.split(counts, np.cumsum(sizes)[:-1]), ideal):
        assert abs(part.sum() - share) < 1 + 1e-6
        assert part.max() - part.min() <= 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(1, 4), min_size=1, max_size=20), min_size=1, max_size=4), st.integers(1, 100), st.integers(0, 9),
       st.sampled_from([0, 3]))
def test_images_come_as_often_as_their_factors_say(factors, samples, epoch, chunk):
    repeats = [np.array(part) for part in factors]
    sizes = [len(part) for part in repeats]
    order = epoch_order(sizes, [1.0] * len(sizes), samples, 0, epoch, chunk, repeats)
    np.testing.assert_array_equal(order, epoch_order(sizes, [1.0] * len(sizes), samples, 0, epoch, chunk, repeats))
    assert len(order) == samples
    total = sum(part.sum() for part in repeats)
    counts = np.split(np.bincount(order, minlength=sum(sizes)), np.cumsum(sizes)[:-1])
    for part, own in zip(repeats, counts):
        quota = own.sum()
        assert abs(quota - samples * part.sum() / total) < 1 + 1e-6
        assert own.max() <= (quota // len(part) + 1) * np.ceil(part.max())  # a pass has each image once or more


def test_factors_of_1_change_no_order_and_others_are_met_in_the_mean():
    ones = [np.ones(5), np.ones(3)]
    repeats = [np.array([1.0, 1.0, 2.5, 1.0]), np.ones(2)]
    drawn = sum(np.bincount(epoch_order([4, 2], [1.0, 1.0], 60, 0, e, repeats=repeats), minlength=6) for e in range(100))
    np.testing.assert_allclose(drawn / drawn[0], [1, 1, 2.5, 1, 1, 1], rtol=0.05)
    assert sorted(epoch_order([5, 3], [1.0, 1.0], 8, seed=0, epoch=4, repeats=ones)) == list(range(8))


def test_rare_groups_come_up_over_the_epochs():
    drawn = sum((epoch_order([1000, 10], [1.0, 1.0], 10, 0, e) >= 1000).sum() for e in range(400))
    assert 20 <= drawn <= 60  # 400 * 10 * 10 / 1010 = 39.6


def test_neighbours_stay_together_and_are_shuffled():
    order = shuffled_pass(50, 8, np.random.default_rng(0))
    assert sorted(order) == list(range(50))
    chunks = [order[i] // 8 for i in range(50)]
    runs = [chunk for i, chunk in enumerate(chunks) if i == 0 or chunk != chunks[i - 1]]
    assert len(runs) == 7  # 6 of 8 images and one of 2, each in one piece
    assert runs != sorted(runs)
    first = order[:np.argmax(np.array(chunks) != chunks[0])]
    assert list(first) != sorted(first)
    assert set(shuffled_pass(50, 50, np.random.default_rng(0))) == set(range(50))


def test_chunks_of_several_folders_are_mixed_and_stay_in_their_order():
    order = epoch_order([400, 200], [1.0, 1.0], 600, seed=0, epoch=0, chunk=20)
    assert sorted(order) == list(range(600))
    for start, end in ((0, 400), (400, 600)):
        chunks = order[(order >= start) & (order < end)] // 20
        assert (np.diff(chunks) != 0).sum() == (end - start) // 20 - 1
    first = (order[:300] < 400).mean()
    assert 0.55 < first < 0.78  # a folder's images are everywhere


@pytest.mark.parametrize("repeats", [None, [np.linspace(1, 3, 7), np.ones(4)]])
@pytest.mark.parametrize("chunk", [0, 3])
def test_resume_inside_an_epoch(chunk, repeats):
    sampler = WeightedEpochSampler([7, 4], [1.0, 3.0], seed=3, shuffle_chunk_size=chunk, repeats=repeats)
    sampler.set_epoch(2)
    whole = list(sampler)
    sampler.set_epoch(2, start=5)
    assert len(sampler) == 6
    assert list(sampler) == whole[5:]


def test_ranks_share_an_epoch():
    repeats = [np.linspace(1, 2, 9)]
    ranks = [WeightedEpochSampler([9], [1.0], seed=0, rank=r, world_size=2, repeats=repeats) for r in range(2)]
    drawn = [list(sampler) for sampler in ranks]
    assert [len(d) for d in drawn] == [4, 4]  # equal, so that no rank waits for another
    assert sorted(d.position for part in drawn for d in part) == list(range(8))
    alone = list(WeightedEpochSampler([9], [1.0], seed=0, repeats=repeats))
    assert [d for pair in zip(*drawn) for d in pair] == alone[:8]


def test_no_images():
    with pytest.raises(UserError, match="no images"):
        WeightedEpochSampler([], [], seed=0)
