import numpy as np
import onnx
import pytest

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.file import read_deploy_file
from mtzoo.runtime.joined import join_neighbours
from mtzoo.runtime.rounded_late import round_behind_concat
from tests.runtime.helpers import run


def two_rounded_maps(second: float = 2.0, *, zero: int = 0, kind: type = np.int8, apart: bool = False,
                     named: bool = False) -> onnx.ModelProto:
    """Two convolutions of one map, each rounded to 8 bits, and their Concat "z". second: scale of the second; zero, kind: of its
    integers; apart: the first is rounded by operators of its own before; named: the first map is an output, too."""
    b, rng, maps = GraphBuilder(), np.random.default_rng(1), []
    source = b.op("DequantizeLinear", [b.add_input("x", np.uint8, (1, 4, 5, 6)), b.float(0.5), b.constant(np.uint8(0))])
    for i, (scale, zero_point) in enumerate(((0.25, np.int8(0)), (second, kind(zero)))):
        b.initializer(f"{i}.weight", rng.integers(-50, 51, (3 + i, 4, 1, 1)).astype(np.int8))
        b.initializer(f"{i}.scale", np.exp2(rng.integers(-9, -5, 3 + i)).astype(np.float32))
        weight = b.op("DequantizeLinear", [f"{i}.weight", f"{i}.scale"], attributes={"axis": 0})
        y = b.op("Conv", [source, weight], f"{i}.conv", {"kernel_shape": [1, 1]})
        if apart and i == 0:
            y = b.op("Mul", [b.op("Round", [b.op("Mul", [y, b.float(1 / scale)])]), b.float(scale)])
        grid = [b.initializer(f"{i}.output_scale", np.float32(scale)), b.constant(zero_point)]
        maps.append(b.op("Identity", [b.op("DequantizeLinear", [b.op("QuantizeLinear", [y, *grid]), *grid])], f"map.{i}"))
    b.op("Concat", maps, "z", {"axis": 1})
    for name, channels in (("z", 7), *((("map.0", 3),) if named else ())):
        b.add_output(name, np.float32, (1, channels, 5, 6))
    return b.model("rounded")


@pytest.mark.parametrize(("how", "moves"), [
    ({}, True),
    ({"apart": True}, True),
    ({"named": True}, False),  # somebody wants it alone
    ({"second": 0.3}, False),  # products would round
    ({"zero": 3}, False),
    ({"kind": np.uint8}, False),  # other ends
])
def test_maps_are_rounded_behind_their_concat(how: dict, moves: bool) -> None:
    model = two_rounded_maps(**how)
    before = model.SerializeToString()
    late = round_behind_concat(model)
    assert model.SerializeToString() == before
    assert (late is not model) == moves
    onnx.checker.check_model(late, full_check=True)
    assert any(node.op_type == "QuantizeLinear" for node in late.graph.node) != moves
    feeds = {"x": np.random.default_rng(0).integers(0, 256, (1, 4, 5, 6), dtype=np.uint8)}
    for found, wanted in zip(run(late, feeds), run(model, feeds), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_classes_and_boxes_of_a_level_become_one_convolution(model_path) -> None:
    model = read_deploy_file(model_path).model
    late = join_neighbours(round_behind_concat(model))
    convs = [sum(node.op_type == "Conv" for node in m.graph.node) for m in (model, late)]
    levels = sum(name.startswith("det.cls_s") for node in model.graph.node for name in node.output)
    assert convs[0] - convs[1] == levels > 1
    rng = np.random.default_rng(0)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"image": rng.integers(0, 256, shape, dtype=np.uint8), "im_hw": np.array([[90, 120]], np.float32)}
    for found, wanted in zip(run(late, feeds), run(model, feeds), strict=True):
        np.testing.assert_array_equal(found, wanted)
