"""What the tests of runs share."""

import pytest

from tests.tiny import write_images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("tiny") / "data")
