from random import Random

import numpy as np
import pytest

from mtzoo.data.synthetic.camera import NEAR, Camera, clip_near


@pytest.fixture
def camera() -> Camera:
    return Camera((720, 1280), 1000.0, (630.0, 330.0), 1.5, 0.01)


def test_projection_agrees_with_the_homogeneous_matrix(camera):
    points = np.random.default_rng(0).uniform((-5, 0, 2), (5, 4, 60), (50, 3))
    homogeneous = np.c_[points, np.ones(50)] @ camera.matrix().T
    np.testing.assert_allclose(camera.project(points), homogeneous[:, :2] / homogeneous[:, 2:], atol=1e-9)


def test_a_plane_maps_its_own_coordinates(camera):
    origin, right, up = np.array((-1.0, 0.5, 9.0)), np.array((0.2, 0, 0.1)), np.array((0, 0.3, 0))
    x, y, w = camera.plane(origin, right, up) @ (3, 2, 1)
    np.testing.assert_allclose((x / w, y / w), camera.project(origin + 3 * right + 2 * up), atol=1e-9)


def test_row_depth_inverts_the_projection_of_the_road():
    camera = Camera((720, 1280), 1000.0, (640.0, 330.0), 1.5, 0.0)
    rows = camera.project(np.array([(0.0, 0.0, 7.0), (0.0, 0.0, 40.0)]))[:, 1]
    np.testing.assert_allclose(camera.row_depth(rows), (7, 40))
    assert np.isinf(camera.row_depth(np.array([300.0])))


def test_what_is_seen_scales_with_the_height():
    small, large = (Camera.sample(Random(3), hw) for hw in ((360, 640), (720, 1280)))
    point = np.array((1.0, 0.5, 8.0))
    np.testing.assert_allclose(2 * small.project(point), large.project(point))


def test_clip_near_cuts_at_the_plane_and_drops_what_is_behind():
    quad = np.array([(-1, 0, -3), (1, 0, -3), (1, 0, 5), (-1, 0, 5)], float)
    clipped = clip_near(quad)
    assert len(clipped) == 4
    assert clipped[:, 2].min() == pytest.approx(NEAR)
    assert len(clip_near(quad - (0, 0, 9))) == 0
