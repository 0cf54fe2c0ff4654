import numpy as np
import pytest

from mtzoo.data.synthetic.labels import Sealed, covered, projected_window, visible_object


def sealed(ids, surfaces, window=(0, 0, 100, 100), inside=1.0) -> Sealed:
    return Sealed("vehicle", surfaces, window, int(covered(ids, window, surfaces).sum()), inside)


def scene() -> np.ndarray:
    ids = np.zeros((100, 100), np.uint8)
    ids[20:60, 10:50] = 5
    ids[40:60, 10:50] = 6  # the lower half is the rear
    return ids


def test_the_box_is_the_visible_extent():
    ids = scene()
    before = sealed(ids, (5, 6))
    ids[20:60, 30:90] = 9  # something nearer hides the right half
    found = visible_object(ids, before, 1.0)
    assert found.xyxy == (10, 20, 30, 60)
    assert found.area == 20 * 40
    assert found.visible_fraction == pytest.approx(0.5)
    assert not found.ignore


def test_mostly_hidden_is_ignored_and_hidden_is_dropped():
    ids = scene()
    before = sealed(ids, (6,))
    ids[20:60, 20:90] = 9
    assert visible_object(ids, before, 1.0).ignore
    ids[:] = 9
    assert visible_object(ids, before, 1.0) is None


def test_what_is_outside_the_picture_counts_as_hidden():
    window, inside = projected_window(np.array([(-60.0, 10.0), (20.0, 50.0)]), (100, 100))
    assert window == (0, 9, 21, 51)
    assert inside == pytest.approx(0.25)
    assert visible_object(scene(), sealed(scene(), (5, 6), inside=inside), 1.0).ignore


def test_slivers_and_specks_are_dropped_small_things_ignored():
    ids = np.zeros((100, 100), np.uint8)
    ids[10:40, 10:13] = 1
    ids[50:59, 50:56] = 2
    assert visible_object(ids, sealed(ids, (1,)), 1.0) is None
    assert visible_object(ids, sealed(ids, (2,)), 1.0).ignore
    assert not visible_object(ids, sealed(ids, (2,)), 0.5).ignore  # the same thing in a picture half as high
