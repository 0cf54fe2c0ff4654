"""Networks that are not exact, through export and both runtimes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from mtzoo.deploy.file import read_deploy_file
from mtzoo.deploy.load import network_outputs
from mtzoo.deploy.reference import output_steps, reference_network
from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.models import MultiTaskNet
from mtzoo.quantization import QConfig, QConfigMap, calibrate, fold_bn, inexact_layers, prepare
from mtzoo.runtime.feeds import feeds_for, seen_image
from mtzoo.runtime.verify_mixed import verify_mixed
from mtzoo.structures import flatten_outputs
from tests.deploy.helpers import HW, RUNTIMES, export, float_net, run_model
from tests.quantization.helpers import differing, images
from tests.runtime.test_model import photo

FORMATS = {
    "float scales": QConfigMap(QConfig(scale_mode="float")),
    "asymmetric": QConfigMap(QConfig(scale_mode="float", activation_symmetric=False)),
    # OpenVINO adds the zero point before it rounds, so halves go the other way where it is odd; 8-bit skips have many halves.
    "asymmetric powers of two": QConfigMap(QConfig(activation_symmetric=False, skip_sum="accumulator", head_output="accumulator")),
    "16-bit activations": QConfigMap(QConfig(activation_bits=16)),
    "asymmetric 16 bits": QConfigMap(QConfig(activation_bits=16, activation_symmetric=False)),
    "float head": QConfigMap(overrides={"seg_head": QConfig(op_types=())}),
    "16-bit head": QConfigMap(overrides={"seg_head": QConfig(activation_bits=16, weight_bits=16)}),
    "16-bit layers": QConfigMap(QConfig(int16_pattern=("nodes.backbone.stem", "nodes.seg_head.spatial"))),
}


def quantized(qconfigs: QConfigMap) -> MultiTaskNet:
    net = float_net()
    fold_bn(net, ["nodes.*"])
    prepare(net, qconfigs)
    calibrate(net, [normalize_image(images())])
    return net.eval()


@pytest.mark.parametrize("name", FORMATS)
def test_the_network_comes_back_from_the_file(name: str, tmp_path: Path) -> None:
    net = quantized(FORMATS[name])
    assert inexact_layers(net)
    info = export(net, tmp_path / "m.onnx", 2, postprocess=True)
    assert not info.integer
    again = reference_network(read_deploy_file(tmp_path / "m.onnx"))
    x = images(1, seed=3)
    assert differing(flatten_outputs(network_outputs(again, x)), flatten_outputs(network_outputs(net, x))) == 0


EXACT_TRUNK = ("asymmetric powers of two", "float head", "16-bit head", "16-bit layers")
"""Sums that float32 holds, at least up to the heads: what a random network would blow up is not there."""

ALWAYS = ("float scales", "asymmetric powers of two", "16-bit layers")
"""The others are `thorough`."""


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=pytest.mark.slow if name in ALWAYS else pytest.mark.thorough) for name in FORMATS])
def test_both_runtimes_run_it_as_torch_does(name: str, tmp_path: Path) -> None:
    net = quantized(FORMATS[name])
    export(net, tmp_path / "m.onnx", 2, postprocess=True)
    file = read_deploy_file(tmp_path / "m.onnx")
    spread = {task: max(float(v.std()) for v in maps.values()) for task, maps in network_outputs(net, images(1)).items()}
    for tasks in verify_mixed(net, file, [photo(seed=1)]).values():
        for task, found in tasks.items():
            assert found.values > 700
            assert found.largest < (0.01 if name in EXACT_TRUNK else 2) * spread[task]
            assert (found.steps is None) == (name == "float head" and task == "seg")


EARLY = ("nodes.backbone.stem", "nodes.backbone.stages.0.0.conv.spatial")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FORMATS if name not in EXACT_TRUNK])
def test_early_feature_maps_differ_by_a_step_here_and_there(name: str, tmp_path: Path) -> None:
    net = quantized(FORMATS[name])
    info = export(net, tmp_path / "m.onnx", 2, postprocess=False)
    model = onnx.load(tmp_path / "m.onnx")
    integers = {node.input[1]: node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    floats = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    tensors = {layer: floats[integers[f"{layer}.output_scale"]] for layer in EARLY}
    model.graph.output.extend(helper.make_tensor_value_info(t, TensorProto.FLOAT, None) for t in tensors.values())
    wanted: dict[str, np.ndarray] = {}
    for layer in EARLY:
        net.get_submodule(layer).register_forward_hook(lambda _m, _args, y, layer=layer: wanted.update({layer: y.numpy().copy()}))
    feeds = feeds_for(info, photo(HW, seed=1), HW)
    network_outputs(net, torch.from_numpy(seen_image(info, feeds)))
    for runtime in RUNTIMES:
        found = run_model(model, feeds, runtime)
        for layer in EARLY:
            steps = np.abs(found[tensors[layer]] - wanted[layer]) / float(net.get_submodule(layer).act_quant.scale)
            assert (steps > 0.5).mean() < 0.01
            assert steps.max() < 2.5


def test_types_in_the_file_are_those_of_each_head(tmp_path: Path) -> None:
    export(quantized(FORMATS["16-bit head"]), tmp_path / "m.onnx", 2, postprocess=True)
    model = onnx.load(tmp_path / "m.onnx")
    types = {t.name: onnx.TensorProto.DataType.Name(t.data_type) for t in model.graph.initializer}
    assert types["nodes.seg_head.classify.weight"] == "INT16"
    assert types["nodes.det_head.cls.0.weight"] == "INT8"
    zero_points = {node.input[1]: types[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    assert zero_points["nodes.seg_head.spatial.output_scale"] == "UINT16"
    assert zero_points["nodes.backbone.stem.output_scale"] == "INT8"  # it has no ReLU
    assert [o.version for o in model.opset_import] == [21]


def test_wider_numbers_are_nearer_to_float() -> None:
    """On the images that were observed: what others clip is no matter of bits."""
    wanted = network_outputs(float_net(), images())["seg"]["logits"]

    def error(config: QConfig) -> float:
        return float((network_outputs(quantized(QConfigMap(config)), images())["seg"]["logits"] - wanted).square().mean())

    assert error(QConfig(observer="abs_max", weight_bits=16, activation_bits=16)) < 1e-3 * error(QConfig(observer="abs_max"))


def test_steps_are_those_of_the_outputs_integers(tmp_path: Path) -> None:
    net = quantized(FORMATS["float head"])
    export(net, tmp_path / "m.onnx", 2, postprocess=False)
    steps = output_steps(read_deploy_file(tmp_path / "m.onnx"))
    assert "seg.logits" not in steps
    value = flatten_outputs(network_outputs(net, images(1)))["det.cls_s8"]
    counts = value / steps["det.cls_s8"].view(-1, 1, 1)
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=0.01)


def test_networks_with_bn_and_no_quantizers_come_back_too(tmp_path: Path) -> None:
    net = float_net()
    export(net, tmp_path / "m.onnx", 0, postprocess=False)
    again = reference_network(read_deploy_file(tmp_path / "m.onnx"))
    x = images(1, seed=3)
    assert differing(flatten_outputs(network_outputs(again, x)), flatten_outputs(network_outputs(net, x))) == 0


def test_a_file_that_lacks_a_tensor_names_the_layer(tmp_path: Path) -> None:
    export(quantized(FORMATS["float scales"]), tmp_path / "m.onnx", 2, postprocess=False)
    file = read_deploy_file(tmp_path / "m.onnx")
    stored = next(t for t in file.model.graph.initializer if t.name == "nodes.backbone.stem.weight_scale")
    stored.name = "lost"
    with pytest.raises(UserError, match="layer 'nodes.backbone.stem' is damaged"):
        reference_network(file)
