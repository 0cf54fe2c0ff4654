import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper

from mtzoo.deploy.builder import GraphBuilder
from mtzoo.deploy.export import build_model
from mtzoo.deploy.requirements import SAFE_WEIGHT, unsafe_weights
from mtzoo.layers import ConvBNAct, normalize_image
from mtzoo.runtime import executors
from mtzoo.runtime.executors import EXECUTORS
from mtzoo.runtime.saturation import EXPECTED, FORMS, loses_sums
from tests.chain import GEOMETRY, folded_chain
from tests.quantization.helpers import differing, images, outputs


def layers():
    """Their weights are positive: pairs of products are sure to pass 16 bits where the input is bright."""
    made = ConvBNAct(3, 16, 1), ConvBNAct(16, 16, 3, activation="none"), ConvBNAct(16, 32, 3, groups=2, stride=2), ConvBNAct(32, 32, 3)
    for layer in made:
        layer.conv.weight.data.abs_()
    return made


def found_by(executor, x) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in executor.run({"image": x.numpy()}).items()}


def test_two_products_of_a_safe_weight_fit_into_16_bits() -> None:
    assert 2 * 255 * SAFE_WEIGHT <= 2**15 - 1 < 2 * 255 * (SAFE_WEIGHT + 1)


@pytest.mark.parametrize(("share", "lost"), [(1.0, False), (0.5, True)])
def test_the_probe_tells_sums_that_are_there_from_sums_cut_in_half(share: float, lost: bool) -> None:
    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        results = {name: np.full(feeds["x"].shape, EXPECTED, np.uint8) for name in FORMS}
        return {**results, "group": (results["group"] * share).astype(np.uint8)}

    assert loses_sums(run) is lost


@pytest.mark.parametrize("name", EXECUTORS)
@pytest.mark.parametrize("saturates", [False, True])
def test_both_forms_give_the_values_of_the_network(name: str, saturates: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU with VNNI the int8 form is exact and the float form, too; without it only the float form, which is then used."""
    net, x = folded_chain(*layers()), images(1, seed=1)
    model = build_model(net, {}, GEOMETRY, quantized=True, postprocess=False)
    before = model.SerializeToString()
    if not saturates and executors.saturates(name):
        pytest.skip("the int8 kernels of this CPU saturate")
    monkeypatch.setattr(executors, "saturates", lambda _: saturates)
    executor = EXECUTORS[name](model, 1)
    assert differing(found_by(executor, x), outputs(net, normalize_image(x))) == 0
    assert executor.float_layers == saturates * len(unsafe_weights(model))
    assert model.SerializeToString() == before


def test_only_large_weights_are_unsafe() -> None:
    model = build_model(folded_chain(*layers()), {}, GEOMETRY, quantized=True, postprocess=False)
    largest = {t.name: int(np.abs(numpy_helper.to_array(t).astype(int)).max()) for t in model.graph.initializer
               if t.data_type == TensorProto.INT8 and len(t.dims) == 4}
    assert len(largest) == 5
    assert unsafe_weights(model) == {name for name, value in largest.items() if value > SAFE_WEIGHT} != set()
    safe = onnx.ModelProto()
    safe.CopyFrom(model)
    for tensor in safe.graph.initializer:
        if tensor.name in largest:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) // 2, tensor.name))
    assert unsafe_weights(safe) == set()


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only x86 has such kernels")
def test_kernels_without_vnni_are_found_and_the_answers_stay_the_same() -> None:
    """In a process of its own, in which oneDNN may use no more than AVX2."""
    code = ("from tests.runtime.test_saturation import *\nnet, x = folded_chain(*layers()), images(1, seed=1)\n"
            "model = build_model(net, {}, GEOMETRY, quantized=True, postprocess=False)\nwanted = outputs(net, normalize_image(x))\n"
            "print(executors.saturates('openvino'), *(differing(found_by(EXECUTORS['openvino'](model, 1, as_is=as_is), x), wanted) "
            "for as_is in (True, False)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
                          env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "PYTHONPATH": "."})
    saturates, as_is, used = done.stdout.split()
    assert saturates == "True"
    assert int(as_is) > 0
    assert used == "0"


def signed_map_model(moved: bool) -> onnx.ModelProto:
    """A convolution of ones that reads a signed map, which a max pool reads, too, as integers or as floats."""
    b = GraphBuilder()
    one, zero = b.float(1.0), b.constant(np.int8(0))
    x = b.op("QuantizeLinear", [b.add_input("x", np.float32, (1, 16, 8, 8)), one, zero])
    read = b.op("DequantizeLinear", [x, one, zero])
    weight = b.op("DequantizeLinear", [b.initializer("weight", np.ones((16, 1, 3, 3), np.int8)), b.constant(np.ones(16, np.float32))],
                  attributes={"axis": 0})
    y = b.op("Conv", [read, weight], attributes={"kernel_shape": (3, 3), "pads": [1] * 4, "group": 16})
    y = b.op("DequantizeLinear", [b.op("QuantizeLinear", [y, b.float(4.0), zero]), b.float(4.0), zero])
    pool = {"kernel_shape": (3, 3), "pads": [1] * 4}
    z = b.op("MaxPool", [x if moved else read], attributes=pool)
    z = b.op("DequantizeLinear", [z, one, zero]) if moved else z
    b.op("Identity", [y], "y")
    b.op("Identity", [z], "z")
    b.add_output("y", np.float32, (1, 16, 8, 8))
    b.add_output("z", np.float32, (1, 16, 8, 8))
    return b.model("signed")


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("name", EXECUTORS)
def test_odd_weights_on_a_map_that_stays_signed_are_unsafe(name: str, moved: bool) -> None:
    """OpenVINO halves them on CPUs without VNNI: ones become 0."""
    model = signed_map_model(moved)
    assert unsafe_weights(model) == ({"weight"} if moved else set())
    x = np.random.default_rng(0).integers(-128, 128, (1, 16, 8, 8)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    sums = sum(padded[:, :, i:i + 8, j:j + 8] for i in range(3) for j in range(3))
    found = EXECUTORS[name](model, 1).run({"x": x})
    assert np.array_equal(found["y"], np.clip(np.rint(sums / 4), -128, 127) * 4)
