"""int8 arithmetic on x86 CPUs without VNNI, and how a deploy model gives the same answers there.

Such CPUs multiply u8 by s8 in pairs and add the two products in 16 bits, which saturate: 255 * 127 * 2 is twice what they hold. Weights
of at most 64 are safe, larger ones are run in float32. That is exact, too, for sums below 2^24, and slower; `mtzoo export
--weight-bits 7` makes a file whose weights are all safe. A probe finds such kernels: it sees what no list of CPUs knows, e.g.
ONEDNN_MAX_CPU_ISA.
"""

from collections.abc import Callable

import numpy as np
import onnx

from mtzoo.deploy.builder import GraphBuilder

CHANNELS, SIDE = 64, 8  # of the probe: enough for the kernels that real layers get
FORMS = {"pointwise": (1, CHANNELS), "dense": (3, CHANNELS), "group": (3, 16)}
"""Convolution of the probe -> its kernel, and the input channels of a group."""
EXPECTED = 200  # of 255 steps: what saturates gives half of it


def probe_model() -> onnx.ModelProto:
    """uint8 x (1, C, S, S) -> convolutions whose int8 weights are all 127, rounded to uint8: EXPECTED where x is 255 all around."""
    builder = GraphBuilder()
    scale, zero = builder.float(1.0), builder.constant(np.uint8(0))
    x = builder.op("DequantizeLinear", [builder.add_input("x", np.uint8, (1, CHANNELS, SIDE, SIDE)), scale, zero])
    for name, (kernel, inputs) in FORMS.items():
        stored = [builder.initializer(f"{name}.weight", np.full((CHANNELS, inputs, kernel, kernel), 127, np.int8)),
                  builder.initializer(f"{name}.weight_scale", np.ones(CHANNELS, np.float32))]
        weights = builder.op("DequantizeLinear", stored, attributes={"axis": 0})
        y = builder.op("Conv", [x, weights], attributes={"kernel_shape": (kernel, kernel), "pads": [kernel // 2] * 4,
                                                         "group": CHANNELS // inputs})
        step = builder.float(255 * 127 * inputs * kernel**2 / EXPECTED)
        builder.op("QuantizeLinear", [y, step, zero], name)  # without it ONNX Runtime would compute in float
        builder.add_output(name, np.uint8, (1, CHANNELS, SIDE, SIDE))
    return builder.model("saturation")


def loses_sums(run: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> bool:
    """Whether a runtime that has compiled `probe_model` gets other sums than integers give. run: feeds -> outputs by name."""
    found = run({"x": np.full((1, CHANNELS, SIDE, SIDE), 255, np.uint8)})
    return any((found[name][:, :, 1:-1, 1:-1] != EXPECTED).any() for name in FORMS)
