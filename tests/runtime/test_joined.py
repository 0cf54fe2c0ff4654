import numpy as np
import onnx
import pytest

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.file import read_deploy_file
from mtzoo.runtime.joined import join_neighbours
from tests.runtime.helpers import run


def side_by_side(*convs, named=(), outputs=("z",)):
    """Convolutions of one map, or of two, and the Concat of what they give. convs: (map, outputs, attributes); named: places that an
    Identity gives a name to."""
    b, rng, names = GraphBuilder(), np.random.default_rng(1), []
    maps = {name: b.op("DequantizeLinear", [b.add_input(name, np.uint8, (1, 4, 5, 6)), b.float(0.5), b.constant(np.uint8(0))])
            for name in dict.fromkeys(conv[0] for conv in convs)}
    for i, (source, c_out, attributes) in enumerate(convs):
        stored = {"weight": rng.integers(-50, 51, (c_out, 4 // attributes.get("group", 1), 1, 1)).astype(np.int8),
                  "weight_scale": np.exp2(rng.integers(-9, -5, c_out)).astype(np.float32),
                  "bias": rng.integers(-999, 999, c_out).astype(np.int32)}
        stored["bias_scale"] = stored["weight_scale"] / 2
        for part, value in stored.items():
            b.initializer(f"{i}.{part}", value)
        parts = [b.op("DequantizeLinear", [f"{i}.{part}", f"{i}.{part}_scale"], attributes={"axis": 0}) for part in ("weight", "bias")]
        y = b.op("Conv", [maps[source], *parts], f"{i}.conv", {"kernel_shape": [1, 1], **attributes})
        names.append(b.op("Identity", [y], f"raw.{i}") if i in named else y)
    b.op("Concat", names, "z", {"axis": 1})
    for name in outputs:
        channels = sum(conv[1] for conv in convs) if name == "z" else convs[int(name.rpartition(".")[2])][1]
        b.add_output(name, np.float32, (1, channels, 5, 6))
    return b.model("joined")


@pytest.mark.parametrize(("convs", "more", "left"), [
    ([("x", 3, {}), ("x", 4, {})], {"named": (0, 1)}, 1),
    ([("x", 3, {}), ("x", 4, {}), ("x", 1, {})], {}, 1),
    ([("x", 3, {}), ("y", 4, {}), ("y", 1, {}), ("x", 2, {})], {"named": (1, 3)}, 3),
    ([("x", 3, {}), ("y", 4, {})], {}, 2),  # of different maps
    ([("x", 4, {"group": 2}), ("x", 4, {"group": 2})], {}, 2),
    ([("x", 3, {"pads": [0] * 4}), ("x", 4, {"pads": [0] * 4, "dilations": [1, 1]})], {}, 2),  # not alike
    ([("x", 3, {}), ("x", 4, {})], {"named": (0, 1), "outputs": ("z", "raw.1")}, 2),  # somebody wants it alone
])
def test_neighbours_are_one_convolution(convs, more, left):
    model = side_by_side(*convs, **more)
    before = model.SerializeToString()
    joined = join_neighbours(model)
    assert model.SerializeToString() == before
    onnx.checker.check_model(joined, full_check=True)
    assert sum(node.op_type == "Conv" for node in joined.graph.node) == left
    assert (joined is model) == (left == len(convs))
    rng = np.random.default_rng(0)
    feeds = {value.name: rng.integers(0, 256, (1, 4, 5, 6), dtype=np.uint8) for value in model.graph.input}
    for found, wanted in zip(run(joined, feeds), run(model, feeds), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_classes_and_boxes_of_a_level_are_one(sums_path):
    model = read_deploy_file(sums_path).model
    convs = [sum(node.op_type == "Conv" for node in m.graph.node) for m in (model, join_neighbours(model))]
    levels = sum(name.startswith("det.cls_s") for node in model.graph.node for name in node.output)
    assert convs[0] - convs[1] == levels > 1
