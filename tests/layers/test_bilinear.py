import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.network import NetworkWriter
from mtzoo.layers import UpsampleBilinear
from mtzoo.layers.writer import Value
from mtzoo.ops.grid import Grid
from mtzoo.quantization import QConfig
from mtzoo.quantization.fake_quant import build_act_quant
from tests.deploy.helpers import RUNTIMES, run_model

PLAIN = "onnxruntime without optimisation"
SHAPE = (1, 4, 7, 9)
EXPONENT = -3


def enlarging(dtype: type, factor: int) -> tuple[onnx.ModelProto, UpsampleBilinear]:
    """The leaf between integers of one grid, where runtimes are tempted to resize the integers themselves; its model and itself."""
    b, scale = GraphBuilder(), 2.0**EXPONENT
    leaf = UpsampleBilinear(factor)
    leaf.act_quant = build_act_quant(QConfig(), signed=dtype is np.int8)
    leaf.act_quant.scale.fill_(scale)
    leaf.act_quant.enabled = True
    writer = NetworkWriter(b, {}, "image", quantized=True)
    writer.values["x"] = Value(b.add_input("x", dtype, SHAPE), b.float(scale), b.constant(dtype(0)), (scale, leaf.act_quant.low))
    b.op("Identity", [leaf.emit(writer, "leaf", ["x"]).tensor], "y")
    b.add_output("y", dtype, (*SHAPE[:2], factor * SHAPE[2], factor * SHAPE[3]))
    return b.model("resize"), leaf


def random_integers(dtype: type) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(0).integers(limits.min, limits.max, SHAPE, dtype, endpoint=True)


@pytest.mark.parametrize("runtime", [*RUNTIMES, PLAIN])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_maps_are_enlarged_in_integers_with_one_rounding_half_to_even(runtime, dtype, factor):
    """In whatever version of ONNX Runtime: tools/test_versions.py runs this with the oldest, which truncates without the product."""
    x, (model, leaf) = random_integers(dtype), enlarging(dtype, factor)
    if runtime == PLAIN:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        found, = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, {"x": x})
    else:
        found = run_model(model, {"x": x}, runtime)["y"]
    enlarged = F.interpolate(torch.from_numpy(x).double(), scale_factor=factor, mode="bilinear")
    assert ((enlarged % 1) == 0.5).any()  # halves are among them
    wanted = enlarged.round().numpy().astype(dtype)
    np.testing.assert_array_equal(found, wanted)
    grid = Grid(torch.tensor(EXPONENT), leaf.act_quant.low, leaf.act_quant.high)
    np.testing.assert_array_equal(leaf.integer([torch.from_numpy(x)], [grid], grid).numpy(), wanted)
    with torch.no_grad():
        rounded = leaf(torch.from_numpy(x).float() * 2.0**EXPONENT)
    np.testing.assert_array_equal(rounded.numpy(), wanted * np.float32(2.0**EXPONENT))


@pytest.mark.parametrize("factor", [2, 4, 8, 16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_float32_is_exact_on_integers(factor, memory_format):
    """Before any rounding: PyTorch's kernels lose nothing, in whatever order they add."""
    x = torch.from_numpy(random_integers(np.int8)).to(memory_format=memory_format)
    exact = F.interpolate(x.double(), scale_factor=factor, mode="bilinear")
    assert torch.equal(UpsampleBilinear(factor)(x.float()).double(), exact)
    places, part = (np.arange(7 * factor) + 0.5) / factor - 0.5, 1 / (2 * factor)
    column = torch.from_numpy(np.interp(places, np.arange(7), x[0, 0, :, 0].numpy()))
    assert torch.equal(exact[0, 0, :, 0], column)  # the first column is nearer to the edge than to the second
    assert torch.equal(exact / part**2, (exact / part**2).round())


def test_the_largest_sum_has_the_bits_of_both_axes():
    grid = Grid(torch.tensor(EXPONENT), 0, 255)
    assert [UpsampleBilinear(factor).largest([grid], []) for factor in (2, 4, 8, 16)] == [255 * 2.0**bits for bits in (4, 6, 8, 10)]


def test_factors_without_exact_weights():
    for factor in (0, 1, 3, 32):
        with pytest.raises(ValueError, match=f"factor={factor}: expected one of 2, 4, 8, 16"):
            UpsampleBilinear(factor)
