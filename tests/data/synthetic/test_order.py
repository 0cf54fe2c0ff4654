import numpy as np

from mtzoo.data.synthetic.order import painting_order


def test_far_before_near():
    assert painting_order(np.array([(0, 1, 5, 6), (0, 1, 20, 21), (0, 1, 9, 10)], float)) == [1, 2, 0]


def test_beside_a_long_wall_the_inner_thing_is_painted_last():
    wall, person = (5, 15, 10, 40), (3, 3.5, 30, 30.5)
    assert painting_order(np.array([wall, person], float)) == [0, 1]
    assert painting_order(np.array([person, wall], float)) == [1, 0]


def test_a_long_vehicle_near_the_axis_hides_a_short_one_beyond_it():
    lorry, car = (-4.6, -2.2, 10, 22), (-8, -6, 16, 20)
    assert painting_order(np.array([lorry, car], float)) == [1, 0]


def test_every_thing_is_painted_once_even_if_they_hide_each_other_in_a_ring():
    footprints = np.random.default_rng(1).uniform(0, 10, (60, 4))
    footprints = np.c_[np.sort(footprints[:, :2]) - 5, np.sort(footprints[:, 2:])]
    assert sorted(painting_order(footprints)) == list(range(60))
