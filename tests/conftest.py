"""What several test folders share."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ["MTZOO_CACHE"] = "off"  # tests keep nothing in the user's folders
GIVEN_DATA = os.environ.pop("MTZOO_DATA", None)  # verbs would tell that it changes nothing


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Random numbers that a test does not seed itself are the same in every run."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images: MTZOO_DATA, or ../shared/data beside the checkout. Tests that need it skip without it."""
    folder = Path(GIVEN_DATA) if GIVEN_DATA else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real images in {folder}: set MTZOO_DATA to the folder that holds camvid/")
    return folder


@pytest.fixture(scope="session")
def frozen():
    """The network of step 3 as fake-quant; do not change it."""
    from tests.deploy.helpers import frozen_net  # here, because most tests export nothing

    return frozen_net()


@pytest.fixture(scope="session")
def frozen_sums():
    """The same with 32-bit sums at the end of heads and in front of skips; do not change it."""
    from tests.deploy.helpers import SUMS, frozen_net

    return frozen_net(SUMS)


@pytest.fixture(scope="session")
def sums_path(frozen_sums, tmp_path_factory):
    """The deploy model of `frozen_sums`; do not change it."""
    from tests.deploy.helpers import export

    path = tmp_path_factory.mktemp("sums") / "tiny.onnx"
    export(frozen_sums, path, 3, postprocess=True)
    return path


@pytest.fixture(scope="session")
def model_path(frozen, tmp_path_factory):
    """A deploy model with post-processing; do not change it."""
    from tests.deploy.helpers import export

    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    export(frozen, path, 3, postprocess=True)
    return path
