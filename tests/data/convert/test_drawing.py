import numpy as np
import pytest

from mtzoo.data.convert.drawing import bounding_box, draw_polygon, draw_polyline, flatten_curves, lane_width
from mtzoo.structures import IGNORE


def test_lines_scale_with_the_image():
    assert [lane_width(height) for height in (720, 1080, 48)] == [8, 12, 2]
    mask = np.zeros((20, 20), np.uint8)
    draw_polyline(mask, [(10, 0), (10, 19)], 3, 2)
    assert set(np.flatnonzero(mask[10])) >= {10}
    assert mask.max() == 3


def test_far_and_few_points_do_no_harm():
    mask = np.zeros((20, 20), np.uint8)
    draw_polyline(mask, [], 1, 2)
    draw_polygon(mask, [], 1)
    assert not mask.any()
    draw_polyline(mask, [(15, 5)], 1, 2)
    draw_polygon(mask, [(1, 1), (9, 9)], 1)
    assert set(np.unique(mask)) == {0, IGNORE}
    assert (mask[5, 15], mask[4, 4], mask[15, 15]) == (IGNORE, IGNORE, 0), "nobody knows where these go: ignored, not background"
    draw_polygon(mask, [(-1e12, -1e12), (1e12, -1e12), (1e12, 1e12), (-1e12, 1e12)], 7)
    assert (mask == 7).all()


def test_a_curve_goes_from_end_to_end():
    line = flatten_curves([(0, 0), (0, 10), (10, 10), (10, 0), (20, 0)], "LCCCL")
    assert line[0] == (0, 0)
    assert line[-2:] == [(10, 0), (20, 0)]
    assert max(y for _, y in line) == pytest.approx(7.5), "the top of this cubic"
    assert flatten_curves([(0, 0), (1, 1)], "CC") == [(0, 0), (1, 1)]


def test_bounding_box():
    assert bounding_box([(3, 4), (1, 9), (2, 2)]) == (1, 2, 3, 9)
