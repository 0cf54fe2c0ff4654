import numpy as np
import pytest

from mtzoo.deploy.file import read_deploy_file
from mtzoo.errors import UserError
from mtzoo.runtime.verify_mixed import Distance, verify_mixed


def test_errors_are_counted_and_measured_in_steps():
    distance = Distance()
    distance.add(np.array([[[[0.0, 0.5]], [[0.0, 3.0]]]], np.float32), np.array([0.25, 1.0], np.float32))
    assert (distance.values, distance.differing, distance.largest, distance.steps) == (4, 2, 3.0, 3.0)
    distance.add(np.array([[[[4.0]]]], np.float32), np.array(0.5, np.float32))
    assert (distance.values, distance.differing, distance.largest, distance.steps) == (5, 3, 4.0, 8.0)
    floats = Distance()
    floats.add(np.zeros((1, 1, 1, 2), np.float32), None)
    assert (floats.values, floats.differing, floats.largest, floats.steps) == (2, 0, 0.0, None)


@pytest.mark.slow
def test_no_images(model_path, frozen):
    with pytest.raises(UserError, match="no image to verify it on"):
        verify_mixed(frozen, read_deploy_file(model_path), [])
