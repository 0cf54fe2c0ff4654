import multiprocessing
import pickle

import numpy as np
import pytest

from mtzoo.data.cache import ImageCache


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), rng.integers(0, 256, (20, 30), dtype=np.uint8)]


def test_what_goes_in_comes_out_read_only():
    cache = ImageCache(1, 4)
    assert cache.get(2) is None
    cache.put(2, arrays(2))
    cache.put(0, arrays(0))
    for index in (0, 2):
        for stored, given in zip(cache.get(index), arrays(index), strict=True):
            np.testing.assert_array_equal(stored, given)
            with pytest.raises(ValueError, match="read-only"):
                stored[0] = 0


def test_a_full_cache_takes_no_more():
    cache = ImageCache(1, 3)
    big = [np.zeros((400, 400, 3), np.uint8)]
    for index in range(3):
        cache.put(index, big)
    assert [cache.get(i) is not None for i in range(3)] == [True, True, False]
    assert cache.used_bytes <= 1 << 20


def test_storing_twice_takes_room_once():
    cache = ImageCache(1, 1)
    cache.put(0, arrays(0))
    used = cache.used_bytes
    cache.put(0, arrays(0))
    assert cache.used_bytes == used


def test_forked_workers_fill_one_cache():
    cache = ImageCache(1, 2)
    process = multiprocessing.get_context("fork").Process(target=lambda: cache.put(1, arrays(1)))
    process.start()
    process.join(10)
    np.testing.assert_array_equal(cache.get(1)[0], arrays(1)[0])


def test_a_pickled_cache_starts_empty():
    cache = ImageCache(1, 2)
    cache.put(0, arrays(0))
    assert pickle.loads(pickle.dumps(cache)).get(0) is None
