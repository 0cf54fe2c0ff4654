import numpy as np
import pytest

from mtzoo.structures import DistinctRows, LabelMaps, Prediction, distinct_rows


class Small:
    """Counts how often it is enlarged."""

    def __init__(self, value):
        self.value, self.times = value, 0

    def distinct_rows(self, unseen=0):
        self.times += 1
        return DistinctRows(np.full((1, 6), self.value, np.uint8), np.zeros(4, np.int64))


def test_a_map_is_enlarged_once_and_only_when_it_is_read():
    read, unread, whole = Small(3), Small(4), np.zeros((4, 6), np.uint8)
    maps = Prediction(label_maps={"read": read, "unread": unread, "whole": whole}).label_maps
    assert isinstance(maps, LabelMaps)
    assert list(maps) == ["read", "unread", "whole"]
    assert len(maps) == 3
    assert "read" in maps.sources
    assert read.times == 0
    assert (maps["read"] == 3).all()
    assert maps["read"] is maps["read"]
    assert maps["whole"] is whole
    assert (read.times, unread.times) == (1, 0)
    assert maps.sources["read"] is read


def test_a_map_that_is_replaced_or_removed_is_not_remembered():
    maps = LabelMaps({"seg": Small(3)})
    assert maps["seg"][0, 0] == 3
    maps["seg"] = Small(5)
    assert maps["seg"][0, 0] == 5
    del maps["seg"]
    with pytest.raises(KeyError):
        maps["seg"]


def test_a_copy_has_maps_of_its_own():
    first = LabelMaps({"seg": Small(3)})
    second = LabelMaps(first)
    second["lane"] = Small(1)
    assert list(first) == ["seg"]
    assert second.sources["seg"].times == 0


def test_distinct_rows_in_order_are_the_same_map():
    rows, index = np.arange(15, dtype=np.uint8).reshape(5, 3), np.array([4, 4, 0, 0, 0, 1, 3, 4])
    ordered = DistinctRows(rows, index).in_order()
    np.testing.assert_array_equal(ordered.index, [0, 0, 1, 1, 1, 2, 3, 4])
    np.testing.assert_array_equal(ordered.rows, rows[[4, 0, 1, 3, 4]])
    np.testing.assert_array_equal(ordered.enlarged(), rows[index])
    whole = distinct_rows(rows)
    assert whole.in_order() is whole
    assert whole.enlarged().tolist() == rows.tolist()
