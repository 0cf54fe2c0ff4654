import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.camera import Camera

angles = st.floats(-10, 10)


def camera(**angles_deg):
    return Camera((1080, 1920), (1400.0, 1500.0), (950.0, 530.0), **angles_deg)


def test_a_level_camera_looks_at_its_principal_point():
    assert camera().vanishing_point() == (950, 530)
    assert camera(roll_deg=7.0).vanishing_point() == pytest.approx((950, 530))


def test_directions():
    """Looking to the right the road's end moves left, looking up it moves down."""
    assert camera(yaw_deg=2.0).vanishing_point() == pytest.approx((950 - 1400 * np.tan(np.radians(2)), 530))
    assert camera(pitch_deg=2.0).vanishing_point() == pytest.approx((950, 530 + 1500 * np.tan(np.radians(2))))
    x, y = camera(pitch_deg=2.0, roll_deg=10.0).vanishing_point()  # turned clockwise, the picture turns the other way
    assert x > 950
    assert y < 530 + 1500 * np.tan(np.radians(2))


@given(angles, angles, angles, st.floats(-5, 5), st.floats(-3, 3))
def test_lines_along_the_road_meet_there(yaw, pitch, roll, x, y):
    seen = camera(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
    far = seen.rotation() @ np.array([x, y, 1e7])  # metres ahead of the vehicle
    point = np.array(seen.center) + np.array(seen.focal) * far[:2] / far[2]
    np.testing.assert_allclose(point, seen.vanishing_point(), atol=1e-2)


@pytest.mark.parametrize(("arguments", "message"), [({"yaw_deg": 80.0}, "yaw_deg=80.0"),
                                                    ({"pitch_deg": float("nan")}, "pitch_deg=nan")])
def test_a_camera_that_looks_elsewhere(arguments, message):
    with pytest.raises(UserError, match=message):
        camera(**arguments)
    with pytest.raises(UserError, match="positive numbers"):
        Camera((1080, 1920), (0.0, 1.0), (0.0, 0.0))
