"""One warm server and one set of valid files for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.robustness.base import Base
from tests.robustness.harness import Harness


@pytest.fixture(scope="session")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


@pytest.fixture(scope="session")
def base(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Base:
    root = tmp_path_factory.mktemp("base")
    made = harness.call("tests.robustness.base:build", [str(root)], tmp_path_factory.mktemp("build"))
    assert made.status == 0, made.err
    return Base(root)
