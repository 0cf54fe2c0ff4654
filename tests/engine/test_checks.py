import copy

import pytest

from mtzoo.config import config_from_dict
from mtzoo.engine.checks import check_batch_size, check_integers, check_network, small_hw
from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.models import build_network
from mtzoo.registry import NODES
from tests.tiny import BACKBONE as TINY_BACKBONE
from tests.tiny import config_values


@pytest.fixture
def values(tmp_path):
    return config_values(tmp_path)


def test_a_sound_config_passes(values):
    check_network(config_from_dict(values))


@pytest.mark.parametrize(("quantization", "why"), [
    ({"scale_mode": "float"}, "has scale_mode='float'"),
    ({"activation_symmetric": False}, "has activation_symmetric=False"),
    ({"int16_pattern": ["nodes.seg_head.*"]}, "has 16-bit weights"),
    ({"activation_bits": 16}, "has activations of 16 bits"),
    ({"not_quant_pattern": ["nodes.neck.*"]}, "left in float"),
])
def test_what_step_3_cannot_convert_is_told_before_training(values, quantization, why):
    check_integers(config_from_dict(values))
    with pytest.raises(UserError, match=f"^quantization: layer 'nodes.*{why}"):
        check_integers(config_from_dict({**values, "quantization": quantization}))


def head(values, task, **changes):
    changed = copy.deepcopy(values)
    changed["tasks"][task]["nodes"][2] |= changes
    return changed


def sized(values, hw, **changes):
    return {**values, "deploy_geometry": {"resized_hw": hw, "input_hw": hw, **changes}, "int_inference_export_input_shape": {}}


def task(values, name, **changes):
    changed = copy.deepcopy(values)
    changed["tasks"][name] |= changes
    return changed


BACKBONE = {"name": "backbone", "type": "VarGNetV2", "width": 0.5}


@pytest.mark.parametrize(("change", "message"), [
    (lambda v: head(v, "seg", chanels=8), r"node 'seg_head'\.chanels.*did you mean 'channels'"),
    (lambda v: head(v, "seg", type="SegHead"), r"node 'seg_head'\.type.*'SegHead'"),
    (lambda v: head(v, "seg", strides=[8, 16]), r"tasks\.seg\.labels\.stride=4.*stride 8; set labels=dict\(stride=8\)"),
    (lambda v: {**v, "train_geometry": {**v["train_geometry"], "crop_hw": [60, 96]}},
     r"^train_geometry\.crop_hw=\[60, 96\]: not multiples of the network's stride 32; use \[64, 96\]"),
    (lambda v: sized(v, [64, 100]),
     r"^deploy_geometry\.input_hw=\[64, 100\]: not multiples of the network's stride 32; use \[64, 128\]"),
    (lambda v: sized(v, [64, 96], stride=8), r"^deploy_geometry\.stride=8: the network's features make it 32; remove it"),
    (lambda v: task(v, "seg", nodes=[BACKBONE, *v["tasks"]["seg"]["nodes"][1:]]), "node 'backbone' has two specs.*0.25.*0.5"),
    (lambda v: task(v, "seg", loss={"type": "SegLoss"}), r"tasks\.seg\.loss\.type.*'SegLoss'; did you mean 'SegmentationLoss'"),
    (lambda v: task(v, "seg", loss={"type": "SegmentationLoss", "lovasz": 1}),
     r"tasks\.seg\.loss\.lovasz.*did you mean 'lovasz_weight'"),
    (lambda v: task(v, "seg", loss={"type": "SegmentationLoss", "class_weights": [1.0]}),
     r"tasks\.seg\.loss: class_weights: 1 values for 3 classes"),
    (lambda v: task(v, "seg", loss={"type": "SegmentationLoss", "class_weights": "heavy"}),
     r"tasks\.seg\.loss\.class_weights: expected a list, got 'heavy'"),
    (lambda v: {**v, "fusion_bn_patterns": {1: ["nodes.backbon.*"], 2: ["nodes.*"]}}, r"'nodes\.backbon\.\*' matches no layer"),
    (lambda v: {**v, "fusion_bn_patterns": {1: ["nodes.backbone.*", "nodes.neck.*"]}},
     r"after step 2 'nodes\.\w+_head.*would still have BN; add a pattern"),
    (lambda v: {**v, "quantization": {"not_quant_pattern": ["nodes.typo.*"]}}, r"not_quant_pattern 'nodes\.typo\.\*' matches no"),
])
def test_what_would_be_found_late_is_found_now(values, change, message):
    with pytest.raises(UserError, match=message) as caught:
        check_network(config_from_dict(change(values)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("task", "type", "message"), [
    ("seg", "PerLocationDetectionHead", r"tasks\.seg: its last node 'seg_head'.*is not a segmentation head"),
    ("det", "DenseSegmentationHead", r"tasks\.det: its last node 'det_head'.*is not a detection head"),
    ("seg", "ClassificationHead", r"is not a segmentation head \(its logits are of the whole image\)"),
    ("cls", "DenseSegmentationHead", r"is not a classification head \(its logits are a map\).*e\.g\. ClassificationHead"),
])
def test_a_head_that_does_not_say_its_kind_is_known_by_its_outputs(tmp_path, monkeypatch, task, type, message):
    monkeypatch.setattr(NODES.get(type), "KIND", None)
    changed = head(config_values(tmp_path, [task]), task, type=type)
    changed["tasks"][task]["nodes"][2].pop("channels", None)
    with pytest.raises(UserError, match=message):
        check_network(config_from_dict(changed))


@pytest.mark.parametrize(("hw", "small"), [((512, 960), (128, 128)), ((500, 970), (148, 138)), ((96, 64), (96, 64))])
def test_the_trial_image_leaves_the_same_remainders_as_the_large_one(hw, small):
    assert small_hw(hw, 32) == small
    assert all(a % 32 == b % 32 for a, b in zip(hw, small))


def test_a_batch_of_one_image_has_too_few_values_for_the_bn_of_a_mean():
    net = build_network({"seg": (TINY_BACKBONE, NodeSpec("context", "SPPM", ("backbone.mod5",), {"channels": 8, "bins": [1, 2]}),
                                 NodeSpec("head", "FCNHead", ("context",), {"num_classes": 2}))}).train()
    check_batch_size(net, (64, 96), 2)
    with pytest.raises(UserError, match=r"^batch_size=1: layer 'nodes\.context\.branches\.0.*; set batch_size=2$"):
        check_batch_size(net, (64, 96), 1)
    check_batch_size(net.eval(), (64, 96), 1)
