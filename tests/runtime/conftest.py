import pytest

from tests.export.helpers import export, frozen_net


@pytest.fixture(scope="session")
def frozen():
    """The network of step 3 as fake-quant; do not change it."""
    return frozen_net()


@pytest.fixture(scope="session")
def model_path(frozen, tmp_path_factory):
    """A deploy model with post-processing; do not change it."""
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    export(frozen, path, 3, postprocess=True)
    return path
