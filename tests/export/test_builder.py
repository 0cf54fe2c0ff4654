import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from mtzoo.export.builder import GraphBuilder
from tests.export.helpers import RUNTIMES, run_model

PLAIN = "onnxruntime without optimisation"
SHAPE = (1, 4, 7, 9)
SCALE = 2.0**-3


def resize_model(dtype: type, factor: int, guarded: bool = True) -> onnx.ModelProto:
    """8-bit integers -> floats -> enlarged -> integers of the same grid."""
    b = GraphBuilder()
    x = b.op("DequantizeLinear", [b.add_input("x", dtype, SHAPE), b.float(SCALE), b.constant(dtype(0))])
    enlarged = b.resize_linear(x, factor, "enlarged")
    if guarded:
        b.quantize_resized(enlarged, SCALE, dtype(0), "y")
    else:
        b.op("QuantizeLinear", [enlarged, b.float(SCALE), b.constant(dtype(0))], "y")
    b.add_output("y", dtype, (*SHAPE[:2], factor * SHAPE[2], factor * SHAPE[3]))
    return b.model("resize")


def random_integers(dtype: type) -> np.ndarray:
    limits = np.iinfo(dtype)
    return np.random.default_rng(0).integers(limits.min, limits.max, SHAPE, dtype, endpoint=True)


@pytest.mark.parametrize("runtime", [*RUNTIMES, PLAIN])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("factor", [2, 4, 8, 16])
def test_maps_are_enlarged_in_integers_with_one_rounding_half_to_even(runtime, dtype, factor):
    """In whatever version of ONNX Runtime: tools/test_versions.py runs this with the oldest, which truncates without the guard."""
    x, model = random_integers(dtype), resize_model(dtype, factor)
    if runtime == PLAIN:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        found, = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, {"x": x})
    else:
        found = run_model(model, {"x": x}, runtime)["y"]
    enlarged = F.interpolate(torch.from_numpy(x).double(), scale_factor=factor, mode="bilinear")
    assert ((enlarged % 1) == 0.5).any()  # halves are among them
    np.testing.assert_array_equal(found, enlarged.round().numpy().astype(dtype))


def version() -> tuple[int, ...]:
    return tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])


@pytest.mark.skipif(version() >= (1, 28), reason="ONNX Runtime rounds here by itself since 1.28")
def test_old_versions_truncate_without_the_guard():
    """When the minimum of setup.py is 1.28, `quantize_resized` can go."""
    x = random_integers(np.uint8)
    found = run_model(resize_model(np.uint8, 2, guarded=False), {"x": x}, "onnxruntime")["y"]
    wanted = run_model(resize_model(np.uint8, 2), {"x": x}, "onnxruntime")["y"]
    assert (found != wanted).mean() > 0.25
