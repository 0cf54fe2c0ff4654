import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mtzoo.engine.backbones import compare, frozen_network
from mtzoo.runtime.executors import OnnxRuntimeExecutor
from mtzoo.runtime.plain_skips import plain_skips


def sum_and_skip(*, rounded: bool, zero_point: int = 0) -> onnx.ModelProto:
    """y = s (round(a) + round(b)) + dequantized c."""
    tensors = {"s": np.float32(0.25), "cs": np.float32(0.5), "z": np.int8(zero_point)}
    step = "Round" if rounded else "Relu"
    nodes = [helper.make_node(step, ["a"], ["ra"]), helper.make_node(step, ["b"], ["rb"]),
             helper.make_node("Add", ["ra", "rb"], ["sum"]),
             helper.make_node("Mul", ["sum", "s"], ["scaled"]), helper.make_node("QuantizeLinear", ["c", "cs", "z"], ["q"]),
             helper.make_node("DequantizeLinear", ["q", "cs", "z"], ["skip"]), helper.make_node("Add", ["scaled", "skip"], ["y"])]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 4, 4]) for name in "abcy"}
    graph = helper.make_graph(nodes, "g", [values["a"], values["b"], values["c"]], [values["y"]],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_the_skip_of_a_layer_in_parts_is_read_without_dequantization():
    model, rng = sum_and_skip(rounded=True), np.random.default_rng(0)
    plain = plain_skips(model)
    onnx.checker.check_model(plain, full_check=True)
    assert [node.op_type for node in plain.graph.node][-4:] == ["Cast", "Round", "Mul", "Add"]
    feeds = {name: 9 * rng.standard_normal((1, 3, 4, 4)).astype(np.float32) for name in "abc"}
    assert np.array_equal(*(OnnxRuntimeExecutor(form, 1).run(feeds)["y"] for form in (model, plain)))


@pytest.mark.parametrize("model", [sum_and_skip(rounded=False), sum_and_skip(rounded=True, zero_point=3)],
                         ids=["one part", "zero point"])
def test_others_stay_as_they_are(model):
    assert plain_skips(model) is model


@pytest.mark.thorough
def test_residual_blocks_in_parts_are_exact_on_every_cpu():
    """On CPUs with VNNI, 616 of ResNet-18's and 788 of ResNet-34's values were a step off."""
    counts = compare(frozen_network("Torchvision", "resnet34", (64, 64)), (64, 64))
    assert {executor: differing for executor, (differing, _) in counts.items()} == dict.fromkeys(counts, 0)
