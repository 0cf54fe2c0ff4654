import numpy as np
import onnx
import pytest

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.runtime.executors import OpenVinoExecutor
from mtzoo.runtime.shuffles import shuffles_in_weights
from tests.runtime.helpers import run

SIZE = (4, 6)


def shuffled(readers, *, groups=2, channels=8, dtype=np.uint8, zero=0):
    """Integers `x`, shuffled. readers: (first and last channel or None for all, "conv", "as it is" or "grouped")."""
    b, rng = GraphBuilder(), np.random.default_rng(3)
    step, zero_point = b.float(0.5), b.constant(dtype(zero))
    x = b.op("Reshape", [b.add_input("x", dtype, (1, channels, *SIZE)), b.integers(1, groups, channels // groups, *SIZE)])
    x = b.op("Transpose", [x], attributes={"perm": [0, 2, 1, 3, 4]})
    x = b.op("Reshape", [x, b.integers(1, channels, *SIZE)], "shuffled")
    for i, (part, kind) in enumerate(readers):
        first, end = part or (0, channels)
        some = x if part is None else b.op("Slice", [x, b.integers(first), b.integers(end), b.integers(1)], f"part{i}")
        y, given = b.op("DequantizeLinear", [some, step, zero_point]), end - first
        if kind != "as it is":
            group = 2 if kind == "grouped" else 1
            b.initializer(f"{i}.weight", rng.integers(-90, 91, (5 * group, given // group, 3, 3)).astype(np.int8))
            b.initializer(f"{i}.scale", np.exp2(rng.integers(-9, -5, 5 * group)).astype(np.float32))
            weight, given = b.op("DequantizeLinear", [f"{i}.weight", f"{i}.scale"], attributes={"axis": 0}), 5 * group
            y = b.op("Conv", [y, weight], f"conv{i}", {"kernel_shape": [3, 3], "pads": [1] * 4, "group": group})
        name = b.op("Mul", [y, b.float(2)], f"y{i}")
        b.add_output(name, np.float32, (1, given, *SIZE))
    return b.model("shuffled")


def transposes(model):
    return sum(node.op_type == "Transpose" for node in model.graph.node)


@pytest.mark.parametrize(("readers", "more", "convs"), [
    ([((0, 4), "as it is"), ((4, 8), "conv")], {}, 2),  # a unit of ShuffleNetV2
    ([(None, "conv"), (None, "conv")], {"groups": 4}, 2),
    ([(None, "as it is"), ((1, 4), "conv"), ((1, 4), "as it is")], {}, 3),
    ([((2, 8), "grouped")], {"dtype": np.int8}, 2),
])
def test_the_same_integers_without_a_shuffle(readers, more, convs):
    model = shuffled(readers, **more)
    before = model.SerializeToString()
    form = shuffles_in_weights(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(form, full_check=True)
    assert (transposes(model), transposes(form)) == (1, 0)
    assert sum(node.op_type == "Conv" for node in form.graph.node) == convs
    low, high = np.iinfo(more.get("dtype", np.uint8)).min, np.iinfo(more.get("dtype", np.uint8)).max
    x = np.random.default_rng(0).integers(low, high, (1, 8, *SIZE), more.get("dtype", np.uint8), endpoint=True)
    wanted, found = (run(m, {"x": x}) for m in (model, form))
    for i, (one, other) in enumerate(zip(wanted, found, strict=True)):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(OpenVinoExecutor(model, 1).run({"x": x})[f"y{i}"], one)


@pytest.mark.parametrize("more", [{"zero": 3}, {"dtype": np.int8, "zero": -5}])
def test_integers_that_do_not_count_from_0_are_shuffled_as_before(more):
    model = shuffled([(None, "conv")], **more)
    assert shuffles_in_weights(model) is model or transposes(shuffles_in_weights(model)) == 1


def test_a_model_without_a_shuffle_is_not_copied():
    model = onnx.ModelProto()
    assert shuffles_in_weights(model) is model
