import multiprocessing
import pickle

import numpy as np
import pytest

from mtzoo.data.cache import ArrayCache, RecordCache


def arrays(seed):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (20, 30, 3), dtype=np.uint8), rng.integers(0, 256, (20, 30), dtype=np.uint8)]


def test_what_goes_in_comes_out_read_only():
    cache = ArrayCache(1, 4)
    assert cache.get(2) is None
    cache.put(2, arrays(2))
    cache.put(0, arrays(0))
    for index in (0, 2):
        for stored, given in zip(cache.get(index), arrays(index), strict=True):
            np.testing.assert_array_equal(stored, given)
            with pytest.raises(ValueError, match="read-only"):
                stored[0] = 0


def test_a_full_cache_takes_no_more():
    cache = ArrayCache(1, 3)
    big = [np.zeros((400, 400, 3), np.uint8)]
    for index in range(3):
        cache.put(index, big)
    assert [cache.get(i) is not None for i in range(3)] == [True, True, False]
    assert cache.used_bytes <= 1 << 20


def test_storing_twice_takes_room_once():
    cache = ArrayCache(1, 1)
    cache.put(0, arrays(0))
    used = cache.used_bytes
    cache.put(0, arrays(0))
    assert cache.used_bytes == used


def test_forked_workers_fill_one_cache():
    cache = ArrayCache(1, 2)
    process = multiprocessing.get_context("fork").Process(target=lambda: cache.put(1, arrays(1)))
    process.start()
    process.join(10)
    np.testing.assert_array_equal(cache.get(1)[0], arrays(1)[0])


def test_a_pickled_cache_starts_empty():
    cache = ArrayCache(1, 2)
    cache.put(0, arrays(0))
    assert pickle.loads(pickle.dumps(cache)).get(0) is None


def test_masks_keep_their_room_when_images_have_filled_theirs():
    cache = RecordCache(1, 4, image_share=0.75)
    image, mask = np.zeros((400, 500, 3), np.uint8), np.eye(400, 500, dtype=np.uint8)
    for index in range(4):
        cache.keep_masks(index, [mask, mask + 1])
        cache.keep_image(index, image, 2)
    assert [cache.image(i) is not None for i in range(4)] == [True, False, False, False]
    assert cache.image(0)[1] == 2
    for index in range(4):
        first, second = cache.masks(index)
        np.testing.assert_array_equal(first, mask)
        np.testing.assert_array_equal(second, mask + 1)


def test_masks_are_not_packed_in_vain(monkeypatch):
    cache = RecordCache(1, 3, image_share=0.0)
    noise = np.random.default_rng(0).integers(0, 9, (500, 500), dtype=np.uint8)
    cache.keep_masks(0, [noise])
    assert cache.masks(0) is None
    monkeypatch.setattr("mtzoo.data.cache.to_runs", lambda mask: pytest.fail("packed"))
    cache.keep_masks(1, [noise])
    cache.keep_image(1, np.zeros((4, 4, 3), np.uint8), 1)
    assert cache.image(1) is None
    assert cache.used_bytes == 0


def test_a_record_without_masks_has_none_to_keep():
    cache = RecordCache(1, 1, image_share=1.0)
    cache.keep_masks(0, [])
    assert cache.masks(0) is None
    assert cache.used_bytes == 0
