import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mtzoo.data.runs import from_runs, to_runs


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.sampled_from([0, 1, 255])))
def test_a_mask_comes_back(mask):
    np.testing.assert_array_equal(from_runs(to_runs(mask)), mask)


@pytest.mark.parametrize("offset", range(4))
def test_wherever_in_memory_the_runs_lie(offset):
    mask = np.random.default_rng(0).integers(0, 3, (30, 50), dtype=np.uint8)
    packed = to_runs(mask)
    memory = np.zeros(packed.size + offset, np.uint8)
    memory[offset:] = packed
    memory.flags.writeable = False
    np.testing.assert_array_equal(from_runs(memory[offset:]), mask)


def test_regions_take_little_room():
    mask = np.zeros((700, 1000), np.uint8)
    mask[300:, 200:] = 7
    assert to_runs(mask).size == 8 + 5 * 2 * 400
    assert to_runs(np.full((700, 1000), 3, np.uint8)).tolist() == [*np.array([700, 1000, 700_000], np.uint32).tobytes(), 3]
    assert (from_runs(to_runs(mask[:, ::2])) == mask[:, ::2]).all()  # not in one piece
