from random import Random

import numpy as np
import pytest

from mtzoo.data.synthetic.road import CURVE_END, sample_road

ROADS = [sample_road(Random(i)) for i in range(60)]


def test_a_strip_runs_between_its_lateral_positions():
    for road in ROADS:
        outline = road.strip(-1.0, 2.0, 1.0, 80.0)
        half = len(outline) // 2
        left, right = outline[:half], outline[half:][::-1]
        np.testing.assert_allclose(right[:, 0] - left[:, 0], 3.0)
        assert left[0, 2] == pytest.approx(1.0)
        assert left[-1, 2] == pytest.approx(80.0)


def test_the_course_is_smooth_where_the_curve_ends():
    for road in ROADS:
        before, at, after = (road.x(0.0, CURVE_END + d) for d in (-0.01, 0.0, 0.01))
        assert abs((after - at) - (at - before)) < 1e-5


def test_lanes_are_ordered_and_inside_the_edges():
    for road in ROADS:
        assert road.left < min(road.lanes + road.oncoming)
        assert max(road.lanes + road.oncoming) < road.right
        assert all(d > 0 for d in road.lanes)
        assert all(d < 0 for d in road.oncoming)


def test_no_lane_line_is_painted_in_a_cross_street():
    crossed = [road for road in ROADS if road.crossing]
    assert crossed
    for road in crossed:
        for line in road.lines:
            assert all(s2 <= road.crossing[0] or s1 >= road.crossing[1] for s1, s2, _ in line.pieces)
