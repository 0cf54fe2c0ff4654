import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtzoo.runtime.executors import OnnxRuntimeExecutor, OpenVinoExecutor
from mtzoo.runtime.wide_integers import WIDE_TYPES, wide_integers_as_floats

SCALE = np.float32(0.001)


def model(stored: type, zero_point: int) -> onnx.ModelProto:
    """conv(round(x)), rounded again; weights of 16 bits."""
    weight = np.random.default_rng(0).integers(-9000, 9000, (4, 3, 1, 1), dtype=np.int16)
    tensors = {"s": SCALE, "z": stored(zero_point), "w": weight, "ws": np.full(4, 2.0**-12, np.float32)}
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
             helper.make_node("DequantizeLinear", ["w", "ws"], ["wf"], axis=0), helper.make_node("Conv", ["d", "wf"], ["c"]),
             helper.make_node("QuantizeLinear", ["c", "s", "z"], ["p"]), helper.make_node("DequantizeLinear", ["p", "s", "z"], ["y"])]
    shape = {"x": [1, 3, 8, 8], "y": [1, 4, 8, 8]}
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape["x"])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape["y"])],
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in tensors.items()])
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(built, full_check=True)
    return built


@pytest.mark.parametrize(("stored", "zero_point"), [(np.int16, 0), (np.uint16, 0), (np.uint16, 20_000)])
def test_openvino_rounds_and_clamps_as_onnx_runtime_does(stored: type, zero_point: int) -> None:
    built = model(stored, zero_point)
    before = built.SerializeToString()
    x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32) * 12
    results = [executor(built, 1).run({"x": x})["y"] for executor in (OnnxRuntimeExecutor, OpenVinoExecutor)]
    assert built.SerializeToString() == before
    assert float(np.abs(results[0] - results[1]).max()) <= 1.01 * SCALE  # a sum at the border of two steps
    assert float((results[0] != results[1]).mean()) < 0.05
    limits = np.iinfo(stored)
    assert np.isclose(results[0].max(), (limits.max - zero_point) * SCALE)  # the ends are reached: clamping is in it
    floats = wide_integers_as_floats(built)
    onnx.checker.check_model(floats, full_check=True)
    read = {name for node in floats.graph.node for name in node.input}
    assert not any(t.data_type in WIDE_TYPES for t in floats.graph.initializer if t.name in read)


def test_a_model_without_them_is_left_alone(model_path) -> None:
    built = onnx.load(model_path)
    assert wide_integers_as_floats(built) is built
