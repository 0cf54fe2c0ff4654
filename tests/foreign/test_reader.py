"""A float ONNX graph as PyTorch layers and as leaves: the same numbers as ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.foreign.float_network import FloatNetwork, from_model
from mtzoo.lowering import lower
from tests.foreign.files import int64, model, op, weights


def runtime(made: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(made.SerializeToString())
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, {"image": x})))


def parity(made: onnx.ModelProto, hw: tuple[int, int] | None = None) -> FloatNetwork:
    """Module, leaves and tail give ONNX Runtime's outputs to 1e-5 of the largest value."""
    net = from_model(made, hw)
    x = np.random.default_rng(1).standard_normal((1, 3, *net.input_hw)).astype(np.float32)
    wanted = runtime(net.model, x)
    lowered = lower(net.module, net.input_hw).eval()
    for module in (net.module, lowered):
        with torch.no_grad():
            maps = {name: value.numpy() for name, value in module(torch.from_numpy(x)).items()}
        found = {output.name: maps_to_outputs(net, maps)[output.name] for output in net.outputs}
        for name, value in wanted.items():
            assert found[name].shape == value.shape
            assert np.abs(found[name] - value).max() <= 1e-5 * max(1, np.abs(value).max())
    return net


def maps_to_outputs(net: FloatNetwork, maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    from mtzoo.deploy.signature import Signature

    return Signature("image", (0, 0, 0), (1, 1, 1), "rgb", "float32", net.outputs, net.tail).run_tail(maps)


CONV = {"w": weights(8, 3, 3, 3), "b": weights(8)}


def conv(output: str = "x", **attributes: object) -> onnx.NodeProto:
    return op("Conv", ["image", "w", "b"], output, **{"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], **attributes})


SHUFFLES = {
    "torch": ([op("Reshape", ["x", "s1"], "r"), op("Transpose", ["r"], "t", perm=[0, 2, 1, 3, 4]), op("Reshape", ["t", "s2"], "y")],
              {"s1": int64(1, 2, 4, 16, 24), "s2": int64(1, -1, 16, 24)}),
    "halves by taking turns": (
        [op("Reshape", ["x", "s1"], "r"), op("Transpose", ["r"], "t", perm=[1, 0, 2]), op("Reshape", ["t", "s2"], "u"),
         op("Gather", ["u", "one"], "z", axis=0), op("Relu", ["z"], "y")],
        {"s1": int64(4, 2, 384), "s2": int64(2, -1, 4, 16, 24), "one": np.array(1, np.int64)}),
}


@pytest.mark.parametrize("name", SHUFFLES)
def test_a_channel_shuffle_is_read_off_its_reshapes(name):
    nodes, constants = SHUFFLES[name]
    more = {"v": weights(4, 8 if name == "torch" else 4, 1, 1)}
    net = parity(model([conv(), *nodes, op("Conv", ["y", "v"], "out")], {**CONV, **constants, **more}, ["out"]))
    assert any("shuffle" in call.name for call in net.module.calls)


CASES = {
    "batch norm and relu6": ([conv(), op("BatchNormalization", ["x", "g", "h", "m", "v"], "n"), op("Clip", ["n", "lo", "hi"], "out")],
                             {"g": weights(8) + 1, "h": weights(8), "m": weights(8), "v": np.abs(weights(8)) + 0.5,
                              "lo": np.float32(0), "hi": np.float32(6)}),
    "an uneven padding": ([conv(auto_pad="SAME_UPPER", pads=None, strides=[2, 2])], {}),
    "a bias as a sum, a factor": ([conv(), op("Add", ["x", "a"], "s"), op("Mul", ["s", "k"], "out")],
                                  {"a": weights(1, 8, 1, 1), "k": weights(8, 1, 1)}),
    "hard swish, written out": ([conv(), op("Add", ["x", "three"], "a"), op("Clip", ["a", "lo", "hi"], "c"),
                                 op("Mul", ["x", "c"], "p"), op("Div", ["p", "hi"], "out")],
                                {"three": np.float32(3), "lo": np.float32(0), "hi": np.float32(6)}),
    "swish": ([conv(), op("Sigmoid", ["x"], "g"), op("Mul", ["x", "g"], "out")], {}),
    "learnt slopes": ([conv(), op("PRelu", ["x", "p"], "out")], {"p": weights(8, 1, 1)}),
    "a leaky relu": ([conv(), op("LeakyRelu", ["x"], "out", alpha=0.1)], {}),
    "a gate of the mean": ([conv(), op("GlobalAveragePool", ["x"], "g"), op("Conv", ["g", "q"], "h"), op("HardSigmoid", ["h"], "s",
                            alpha=1 / 6), op("Mul", ["x", "s"], "out")], {"q": weights(8, 8, 1, 1)}),
    "doubled, bilinear": ([conv(), op("Resize", ["x", "", "f"], "out", mode="linear", coordinate_transformation_mode="half_pixel")],
                          {"f": np.array([1, 1, 2, 2], np.float32)}),
    "to a size, corners aligned": ([conv(), op("Resize", ["x", "", "", "z"], "out", mode="linear",
                                               coordinate_transformation_mode="align_corners")], {"z": int64(1, 8, 31, 47)}),
    "doubled, nearest": ([conv(), op("Resize", ["x", "", "f"], "out", mode="nearest", nearest_mode="floor",
                                     coordinate_transformation_mode="asymmetric")], {"f": np.array([1, 1, 2, 2], np.float32)}),
    "split, joined": ([conv(), onnx.helper.make_node("Split", ["x"], ["p", "q"], "s", axis=1), op("Relu", ["p"], "r"),
                       op("Concat", ["q", "r"], "c", axis=1), op("Conv", ["c", "v"], "out")], {"v": weights(4, 8, 1, 1)}),
    "a transposed convolution": ([conv(), op("ConvTranspose", ["x", "u"], "out", strides=[2, 2], kernel_shape=[3, 3],
                                             pads=[1, 1, 1, 1], output_padding=[1, 1])], {"u": weights(8, 4, 3, 3)}),
    "pools": ([conv(), op("MaxPool", ["x"], "m", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
               op("AveragePool", ["m"], "out", kernel_shape=[2, 2], strides=[2, 2])], {}),
    "depth to space, cells first": ([conv(), op("DepthToSpace", ["x"], "d", blocksize=2), op("Relu", ["d"], "out")], {}),
    "the rows of a shape": ([conv(), op("Shape", ["x"], "s"), op("Gather", ["s", "zero"], "n"), op("Unsqueeze", ["n", "z"], "n1"),
                             op("Concat", ["n1", "rest"], "t", axis=0), op("Reshape", ["x", "t"], "f"),
                             op("Gemm", ["f", "k", "o"], "out", transB=1)],
                            {"zero": np.array(0, np.int64), "z": int64(0), "rest": int64(-1), "k": weights(5, 8 * 16 * 24, scale=0.02),
                             "o": weights(5)}),
    "a mean of a flat map": ([conv(), op("Reshape", ["x", "f"], "r"), op("ReduceMean", ["r"], "m", axes=[2], keepdims=0),
                              op("MatMul", ["m", "k"], "g"), op("Add", ["g", "o"], "out")],
                             {"f": int64(1, 8, -1), "k": weights(8, 5), "o": weights(5)}),
    "a bias with one row": ([conv(), op("GlobalAveragePool", ["x"], "p"), op("Flatten", ["p"], "f"),
                             op("Gemm", ["f", "k", "o"], "out", beta=2.0)], {"k": weights(8, 5), "o": weights(1, 5)}),
    "casts between floats": ([conv(), op("Cast", ["x"], "h", to=onnx.TensorProto.DOUBLE),
                              op("Cast", ["h"], "out", to=onnx.TensorProto.FLOAT)], {}),
    "enlarged by a scale": ([conv(), op("Resize", ["x", "", "s"], "out", mode="linear")], {"s": np.float32([1, 1, 1.5, 1.25])}),
    "one less the image": ([op("Sub", ["one", "image"], "i"), op("Conv", ["i", "w", "b"], "out", kernel_shape=[3, 3])],
                           {"one": np.float32(1)}),
}


@pytest.mark.parametrize("name", CASES)
def test_operators_give_what_onnx_runtime_gives(name):
    nodes, constants = CASES[name]
    for node in nodes:  # an attribute that a case takes away
        for attribute in [a for a in node.attribute if a.name == "pads" and not a.ints]:
            node.attribute.remove(attribute)
    output = nodes[-1].output[0]
    assert parity(model(nodes, {**CONV, **constants}, [output])).outputs[0].exact


def test_batch_norm_written_out_is_taken_up_by_the_convolution():
    net = parity(model(CASES["a bias as a sum, a factor"][0], {**CONV, **CASES["a bias as a sum, a factor"][1]}, ["out"]))
    assert [type(leaf).__name__ for leaf in lower(net.module, net.input_hw).children()] == ["ConvBNAct"]


def test_what_stands_behind_the_network_is_no_part_of_it():
    """Softmax over channels, a vector, and a join of different outputs: as the file gives them."""
    nodes = [conv(), op("Conv", ["x", "u"], "logits"), op("Softmax", ["logits"], "probabilities", axis=1),
             op("Transpose", ["logits"], "rows", perm=[0, 2, 3, 1]), op("GlobalAveragePool", ["x"], "g"),
             op("Flatten", ["g"], "vector")]
    net = parity(model(nodes, {**CONV, "u": weights(4, 8, 1, 1)}, ["probabilities", "rows", "vector"]))
    assert [(o.name, o.shape, o.exact) for o in net.outputs] == [
        ("probabilities", (1, 4, 16, 24), False), ("rows", (1, 16, 24, 4), True), ("vector", (1, 8), True)]
    assert set(net.module.outputs) == {"logits", "g"}


def test_a_softmax_before_opset_13_is_over_all_dimensions_from_its_axis_on():
    nodes = [conv(), op("Softmax", ["x"], "out", axis=2)]
    parity(model(nodes, CONV, ["out"], opset=11))


def test_every_kind_of_operator_that_does_not_lower_is_named_once_with_its_place():
    nodes = [conv(), op("LayerNormalization", ["x", "b"], "n"), op("Erf", ["x"], "e"), op("Erf", ["e"], "e2"),
             op("Clip", ["x", "lo", "hi"], "c"), op("Add", ["c", "e2"], "a"), op("LpNormalization", ["a"], "out")]
    with pytest.raises(UserError) as told:
        from_model(model(nodes, {**CONV, "lo": np.float32(-1), "hi": np.float32(1)}, ["out"], opset=17), None)
    message = str(told.value)
    assert "LpNormalization at LpNormalization_out " in message  # also behind what cannot be read
    assert message.startswith("4 kinds of operators cannot be lowered: LayerNormalization at LayerNormalization_n divides by values")
    assert message.count("Erf at") == 1
    assert "Erf at Erf_e " in message
    assert "Clip at Clip_c to -1.0 ... 1.0: only to 0 ... 6" in message


@pytest.mark.parametrize(("node", "constants", "message"), [
    (op("Resize", ["x", "", "s"], "out", mode="linear"), {"s": np.float32([1, 1, 1.3, 1.3])},
     r"Resize at Resize_out of a map \(16, 24\) by \[1.3, 1.3\]: makes no whole number of cells; export it with a size"),
    (op("Resize", ["x", "", "s"], "out", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
     {"s": np.float32([1, 1, 2.04, 2.02])}, "makes no whole number of cells"),
    (op("Resize", ["x", "", "s"], "out", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="ceil"),
     {"s": np.float32([1, 1, 2, 2])}, "'asymmetric', 'ceil': expected a whole factor, and 'asymmetric' with 'floor', or 'half_pixel'"),
    (op("Cast", ["x"], "out", to=onnx.TensorProto.INT32), {}, "Cast at Cast_out to INT32: a map is of floats; leave it out"),
    (op("InstanceNormalization", ["x", "b", "b"], "out"), {}, "InstanceNormalization at .* divides by values of the image"),
], ids=["a scale", "a nearest scale", "upwards", "integers", "statistics of the image"])
def test_what_would_give_other_values_is_refused(node, constants, message):
    with pytest.raises(UserError, match=message):
        from_model(model([conv(), node, op("Relu", ["out"], "y")], {**CONV, **constants}, ["y"]), None)


@pytest.mark.parametrize(("shape", "hw", "message"), [
    ((1, 3, "H", "W"), None, "height and width are not fixed; give --size HxW"),
    ((1, 3, 16, 24), (32, 32), "is fixed to 16 x 24; leave --size out"),
    ((1, 1, 16, 24), None, r"expected one image \(1, 3, H, W\)"),
    ((4, 3, 16, 24), None, r"expected one image \(1, 3, H, W\)"),
    ((1, 3, 16, "W"), (20, 24), "leave --size out"),
])
def test_an_input_that_is_no_image_of_a_known_size(shape, hw, message):
    with pytest.raises(UserError, match=message):
        from_model(model([conv()], CONV, ["x"], shape=shape), hw)


def test_dynamic_sizes_are_fixed_by_the_given_one():
    net = parity(model([conv()], CONV, ["x"], shape=("N", 3, "H", "W")), (20, 28))
    assert net.outputs[0].shape == (1, 8, 20, 28)


def test_a_constant_that_would_fill_the_memory_is_refused():
    nodes = [conv(), op("ConstantOfShape", ["huge"], "c"), op("Add", ["x", "c"], "out")]
    with pytest.raises(UserError, match="ConstantOfShape at ConstantOfShape_c makes 1,000,000,000,000 values"):
        from_model(model(nodes, {**CONV, "huge": int64(1000, 1000, 1000, 1000)}, ["out"]), None)
