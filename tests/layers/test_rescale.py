import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.network import NetworkWriter
from mtzoo.layers import Rescale
from mtzoo.layers.writer import Value
from mtzoo.ops.grid import Grid
from mtzoo.quantization import QConfig
from mtzoo.quantization.fake_quant import build_act_quant
from tests.deploy.helpers import RUNTIMES, run_model


def grid(exponent: int, low: int = 0, high: int = 255) -> Grid:
    return Grid(torch.tensor(exponent, dtype=torch.int32), low, high)


def test_floats_are_those_of_torch_in_memory_of_their_own():
    x = 5 * torch.randn(2, 3, 4, 5)
    for activation, wanted in (("none", x), ("relu", F.relu(x)), ("relu6", F.relu6(x))):
        before, y = x.clone(), Rescale(activation)(x)
        assert torch.equal(y, wanted)
        y.zero_()
        assert torch.equal(x, before)


def test_integers_are_shifted_half_to_even_and_clamped():
    x, signed = torch.tensor([3, 5, 6, -3, -90], dtype=torch.int8), grid(-3, -128, 127)
    assert Rescale().integer([x], [signed], grid(-2, -128, 127)).tolist() == [2, 2, 3, -2, -45]
    assert Rescale("relu").integer([x], [signed], grid(-2)).tolist() == [2, 2, 3, 0, 0]
    assert Rescale().integer([x], [signed], grid(-5, -128, 127)).tolist() == [12, 20, 24, -12, -128]
    assert Rescale("relu6").integer([20 * x], [signed], grid(-5)).tolist() == [192, 192, 192, 0, 0]


def test_a_relu_takes_the_sign():
    assert Rescale().signed([True])
    assert not Rescale().signed([False])
    assert not Rescale("relu").signed([True])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_two_roundings_in_a_row_stay_two(runtime):
    """0.7 is 3 quarters on the first grid, and 3 quarters are 2 halves on the second. ONNX Runtime 1.32 leaves the second rounding out
    where nothing parts the two: 3 quarters."""
    b, rescale = GraphBuilder(), Rescale()
    rescale.act_quant = build_act_quant(QConfig(), signed=False)
    rescale.act_quant.scale.fill_(2.0**-1)
    rescale.act_quant.enabled = True
    scale, zero = b.float(2.0**-2), b.constant(np.uint8(0))
    x = b.op("QuantizeLinear", [b.add_input("x", np.float32, (1, 1, 1, 4)), scale, zero])
    writer = NetworkWriter(b, {}, "image", quantized=True)
    writer.values["x"] = Value(x, scale, zero, (2.0**-2, 0))
    writer.values["rescale"] = rescale.emit(writer, "rescale", ["x"])
    b.op("Add", [writer.as_float("rescale"), b.float(1.0)], "y")
    b.add_output("y", np.float32, (1, 1, 1, 4))
    pixels = np.array([0.7, 1.2, 1.7, 80.0], np.float32).reshape(1, 1, 1, 4)
    assert run_model(b.model("rescale"), {"x": pixels}, runtime)["y"].flatten().tolist() == [2.0, 2.0, 3.0, 65.0]
