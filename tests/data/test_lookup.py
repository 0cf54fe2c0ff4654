import cv2
import numpy as np
import pytest

from mtzoo.data import lookup
from mtzoo.data.lookup import look_up, pair_table


@pytest.fixture
def table():
    return np.random.default_rng(1).integers(0, 256, 256, dtype=np.uint8)


@pytest.mark.parametrize("hw", [(512, 960), (511, 961), (3, 5)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_it_is_the_table_of_each_value(table, hw, channels):
    values = np.random.default_rng(0).integers(0, 256, (*hw, *channels), dtype=np.uint8)
    before = values.copy()
    np.testing.assert_array_equal(look_up(values, table), table[values])
    np.testing.assert_array_equal(look_up(values[:, ::2], table), table[values[:, ::2]])  # not in one piece
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("hw", [(512, 960), (3, 5)])
def test_the_result_may_take_the_values_place(table, hw):
    values = np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8)
    expected = table[values]
    found = look_up(values, table, out=values)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, expected)


def test_an_opencv_without_tables_of_16_bit_gives_the_same(table, monkeypatch):
    values = np.random.default_rng(0).integers(0, 256, (512, 960, 3), dtype=np.uint8)
    used, found = [], cv2.LUT
    monkeypatch.setattr(cv2, "LUT", lambda *args, **out: used.append(args[1].size) or found(*args, **out))
    expected = look_up(values, table)
    monkeypatch.setattr(lookup, "_KNOWS_PAIRS", False)
    np.testing.assert_array_equal(look_up(values, table), expected)
    assert used[1:] == [256]


def test_both_values_of_a_pair_are_looked_up(table):
    pairs = pair_table(table)
    assert pairs.shape == (1, 65536)
    assert pairs[0, 7 << 8 | 200] == int(table[7]) << 8 | int(table[200])
