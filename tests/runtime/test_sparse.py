import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mtzoo.runtime.sparse import SparseLatency, stored


def model(weights):
    bias = np.arange(50, dtype=np.int32)
    tensors = [numpy_helper.from_array(array, name) for name, array in (("weight", weights), ("bias", bias))]
    return onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], tensors))


def test_zeros_weigh_nothing_once_they_are_packed():
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 100, (64, 64, 3, 3)).astype(np.int8)
    sparse = np.where(rng.random(dense.shape) < 0.75, 0, dense).astype(np.int8)
    before, after = stored(model(dense)), stored(model(sparse))
    assert (before.weights, before.nonzero) == (dense.size, dense.size)
    assert after.nonzero == np.count_nonzero(sparse)
    assert before.raw == after.raw == before.masked  # a bit mask of a dense tensor would be longer
    assert after.raw - after.masked == sparse.size - after.nonzero - sparse.size // 8
    assert after.deflated < 0.6 * before.deflated


@pytest.mark.parametrize(("sparse", "gains"), [([8.0] * 9 + [30.0], True), ([9.9] * 10, False), ([5.0] * 6 + [20.0] * 4, False)])
def test_a_gain_is_told_from_noise(sparse, gains):
    assert SparseLatency.of([10.0] * 10, sparse).gains == gains
