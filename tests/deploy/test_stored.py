import numpy as np
import onnx
from onnx import helper, numpy_helper

from mtzoo.deploy.stored import stored_arrays, stored_shapes


def test_parts_of_a_weight_are_one_again() -> None:
    weight = np.arange(2 * 7 * 3 * 3, dtype=np.int8).reshape(2, 7, 3, 3)
    pieces = {"a.weight": weight[:, :3], "a.weight#2": weight[:, 3:5], "a.weight#3": weight[:, 5:], "b.weight": weight}
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in pieces.items()])
    model = onnx.helper.make_model(graph)
    assert stored_arrays(model).keys() == stored_shapes(model).keys() == {"a.weight", "b.weight"}
    np.testing.assert_array_equal(stored_arrays(model)["a.weight"], weight)
    assert stored_shapes(model)["a.weight"] == (2, 7, 3, 3)
