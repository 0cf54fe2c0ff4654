"""The emitted graph computes what the layers say, to the last bit where the layers promise it."""

from collections import Counter

import numpy as np
import pytest
import torch
from onnx import TensorProto
from torch import nn

from mtzoo.deploy.export import build_model
from mtzoo.deploy.info import TaskInfo
from mtzoo.deploy.load import network_outputs
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import Concat, ConvBNAct, Sum, normalize_image
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.postprocess.decoders import LabelMapDecoder
from mtzoo.postprocess.label_map import label_map
from mtzoo.quantization import QConfig, QConfigMap, calibrate, fold_bn, freeze, integer_state, prepare, set_fake_quant
from mtzoo.structures import flatten_outputs
from tests.deploy.helpers import GEOMETRY, NETWORK_RUNTIMES, TASKS, float_net, frozen_net, prepared_net, run_model
from tests.quantization.helpers import images, randomize
from tests.tiny import BACKBONE, NECK, detection_head


def raw_model(net, *, quantized):
    return build_model(net, TASKS, GEOMETRY, quantized=quantized, postprocess=False)


def reference(net, batch):
    return {name: value.numpy() for name, value in flatten_outputs(network_outputs(net, batch)).items()}


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_an_integer_network_gives_the_same_values_in_every_runtime(frozen, runtime):
    model = raw_model(frozen, quantized=True)
    for seed in range(3):
        batch = images(1, seed)
        expected, found = reference(frozen, batch), run_model(model, {"image": batch.numpy()}, runtime)
        assert expected.keys() == found.keys()
        assert {name: int((found[name] != value).sum()) for name, value in expected.items()} == dict.fromkeys(expected, 0)


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_other_heads_and_scales(runtime):
    """8-bit head outputs, one level, a scale per tensor."""
    net = build_network({"det": (BACKBONE, NECK, detection_head(strides=[8]))})
    batch = images(1)
    randomize(net, (batch.float() - 128) / 128)
    prepare(net, QConfigMap(QConfig(head_output="quantized", weight_granularity="tensor", weight_bits=7)))
    calibrate(net, [(batch.float() - 128) / 128])
    fold_bn(net, ["nodes.*"])
    net.eval()
    found = run_model(build_model(net, {}, GEOMETRY, quantized=True, postprocess=False), {"image": batch.numpy()}, runtime)
    for name, value in reference(net, batch).items():
        assert (found[name] == value).all(), name


def test_live_bn_is_written_as_it_is():
    """BN between integers and rounding is float: its last bit may move a value by one step, and by what follows from it."""
    net, batch = prepared_net(), images(1)
    model = raw_model(net, quantized=True)
    assert any(node.op_type == "BatchNormalization" for node in model.graph.node)
    found = run_model(model, {"image": batch.numpy()}, "onnxruntime")
    for name, value in reference(net, batch).items():
        assert np.abs(found[name] - value).mean() < 0.02 * np.abs(value).mean(), name


@pytest.mark.parametrize("layer", ["classify", "spatial", "context"])  # the last two are joined by a Concat
def test_layers_left_in_float_stay_float(layer):
    net, pattern = float_net(), "nodes.seg_head.*" if layer == "classify" else f"nodes.seg_head.{layer}"
    prepare(net, QConfigMap(overrides={"seg_head": QConfig(not_quant_pattern=(pattern,))}))
    calibrate(net, [(images().float() - 128) / 128])
    model = raw_model(net.eval(), quantized=True)
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    assert kinds[f"nodes.seg_head.{layer}.weight"] == TensorProto.FLOAT
    assert kinds["nodes.det_head.cls.0.weight"] == TensorProto.INT8
    found = run_model(model, {"image": images(1).numpy()}, "onnxruntime")["seg.logits"]
    expected = reference(net, images(1))["seg.logits"]
    assert np.abs(found - expected).mean() < 0.02 * np.abs(expected).mean()


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_the_float_form_is_the_network_without_rounding_of_activations(runtime):
    net, batch = frozen_net(), images(1)
    model = raw_model(net, quantized=False)
    assert not any("Quantize" in node.op_type for node in model.graph.node)
    set_fake_quant(net, False)
    found = run_model(model, {"image": batch.numpy()}, runtime)
    for name, value in reference(net, batch).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-3 * np.abs(value).max())


def test_integers_are_stored_as_integers_under_module_names(frozen):
    stored = {t.name: t for t in raw_model(frozen, quantized=True).graph.initializer}
    for name, value in integer_state(frozen).items():
        if name.endswith(".weight"):
            assert stored[name].data_type == TensorProto.INT8
            assert stored[name].raw_data == value.numpy().tobytes()
        if name.endswith(".bias"):
            assert stored[name].data_type == TensorProto.INT32


def test_exporting_leaves_the_network_alone(frozen):
    before = {name: value.clone() for name, value in frozen.state_dict().items()}
    raw_model(frozen, quantized=False)
    assert all(torch.equal(value, before[name]) for name, value in frozen.state_dict().items())


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_a_label_map_of_shuffled_pixels_is_decided_on_8_bits_before_the_shuffle(runtime):
    torch.manual_seed(0)
    head = NodeSpec("head", "FCNHead", ("backbone.s4",), {"num_classes": 3, "depth": 0, "pixel_shuffle": 2})
    net = build_network({"seg": (NodeSpec("backbone", "RepNet", params={"size": "nano"}), head)})
    batch = images(1, 5)
    randomize(net, normalize_image(batch))
    fold_bn(net, ["*"])
    prepare(net)
    calibrate(net, [normalize_image(batch)])
    freeze(net)
    decoder = LabelMapDecoder(upsample=1, stride=2)
    task = TaskInfo("segmentation", ("a", "b", "c"), decoder)
    model = build_model(net.eval(), {"seg": task}, GEOMETRY, quantized=True, postprocess=True)
    wanted = label_map(net(normalize_image(batch))["seg"]["logits"], decoder)
    found = run_model(model, {"image": batch.numpy()}, runtime)["seg.labels"]
    assert found.shape == (1, 1, *(side // 2 for side in GEOMETRY.input_hw))
    assert len(np.unique(found)) == 3
    np.testing.assert_array_equal(found[0], wanted.numpy())
    decided, = (node.input[0] for node in model.graph.node if node.op_type == "ArgMax")
    while (node := next(node for node in model.graph.node if decided in node.output)).op_type == "Reshape":
        decided = node.input[0]
    assert node.op_type == "QuantizeLinear"


class TwoSums(nn.Module):
    """Two sums with a term in common."""

    def __init__(self) -> None:
        super().__init__()
        self.terms = nn.ModuleList(ConvBNAct(3, 8, 1) for _ in range(3))
        self.sums = nn.ModuleList(Sum() for _ in range(2))
        self.join = Concat()
        self.last = ConvBNAct(16, 2, 1, activation="none", bn=False, output="accumulator")

    def forward(self, x):
        shared, *others = (term(x) for term in self.terms)
        return {"logits": self.last(self.join(*(add(shared, other) for add, other in zip(self.sums, others))))}


@pytest.mark.parametrize("runtime", NETWORK_RUNTIMES)
def test_a_map_that_several_sums_read_is_made_their_term_once(runtime):
    torch.manual_seed(0)
    net, batch = MultiTaskNet({"head": TwoSums()}, {"head": ("image",)}, {"seg": "head"}, {"head": ("seg",)}), images(1)
    randomize(net, normalize_image(batch))
    prepare(net)
    calibrate(net, [normalize_image(batch)])
    fold_bn(net, ["nodes.*"])
    freeze(net.eval())
    model = build_model(net, {}, GEOMETRY, quantized=True, postprocess=False)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert (kinds["Round"], kinds["Cast"], kinds["Mul"]) == (3, 3, 3)
    found = run_model(model, {"image": batch.numpy()}, runtime)
    for name, value in reference(net, batch).items():
        assert (found[name] == value).all(), name
