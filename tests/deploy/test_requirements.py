import numpy as np
import pytest

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.requirements import FLOAT_MAPS, requirements


def of_maps(chain):
    """A file that reads two maps of 8 bits, does `chain`, and rounds its result to 8 bits."""
    b = GraphBuilder()
    scale, zero = b.float(0.5), b.initializer("zero", np.array(0, np.int8))
    maps = [b.op("DequantizeLinear", [b.add_input(name, np.int8, (1, 4, 8, 8)), scale, zero]) for name in ("x", "y")]
    b.op("QuantizeLinear", [chain(b, *maps), scale, zero], "out")
    b.add_output("out", np.int8, (1, 4, 8, 8))
    return b.model("maps")


def resized(mode):
    return lambda b, x, y: b.op("Resize", [x, "", "", b.integers(1, 4, 8, 8)], "", {"mode": mode})


@pytest.mark.parametrize(("chain", "needs_float"), [
    (lambda b, x, y: b.op("Add", [x, y]), False),
    (lambda b, x, y: b.op("Mul", [x, b.float(2.0)]), False),
    (lambda b, x, y: b.op("Mul", [x, y]), True),
    (resized("nearest"), False),
    (resized("linear"), True),
    (lambda b, x, y: b.op("MatMul", [x, y]), True),
    (lambda b, x, y: b.op("Relu", [b.op("Mul", [b.op("MatMul", [x, y]), b.float(0.25)])]), True),
])
def test_what_has_more_than_8_bits_before_it_is_rounded_needs_floats(chain, needs_float):
    """bf16 has 8 bits: OpenVINO's default gave 1,037 of 786,432 other label pixels of a Fast-SCNN whose convolutions end in 8 bits."""
    assert (FLOAT_MAPS in requirements(of_maps(chain))) == needs_float


def test_floats_that_are_not_rounded_again_need_nothing():
    """As behind the heads, where boxes are decoded."""
    b = GraphBuilder()
    x = b.op("DequantizeLinear", [b.add_input("x", np.int8, (8, 8)), b.float(0.5), b.initializer("zero", np.array(0, np.int8))])
    b.op("MatMul", [x, x], "out")
    b.add_output("out", np.float32, (8, 8))
    assert requirements(b.model("boxes")) == ()
