import pytest
import torch

from mtzoo.compression import channel_groups, weight_scores
from mtzoo.config import config_from_dict, load_config
from mtzoo.config.overrides import select_tasks
from mtzoo.engine.stages import config_network
from mtzoo.graph import read_program
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import ConvBNAct, RepConvBNAct, normalize_image
from mtzoo.locate import find_config
from mtzoo.models import build_network
from mtzoo.models.costs import node_costs
from mtzoo.models.repnet import RepDetectionTower, RepNeck, RepNet, RepSegmentationTower
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare, wide_layers
from mtzoo.structures import FeatureSpec
from tests.quantization.helpers import images, randomize

IMAGE = [FeatureSpec(3, 1, "image")]
FEATURES = [FeatureSpec(8, 8, "s8"), FeatureSpec(12, 16, "s16"), FeatureSpec(24, 32, "s32")]


def maps(specs, hw=(64, 96)):
    return [torch.randn(1, spec.channels, hw[0] // spec.stride, hw[1] // spec.stride) for spec in specs]


def trunk_alone(size, feature):
    """With a classifier of two classes."""
    head = NodeSpec("head", "FCNHead", (f"backbone.{feature}",), {"num_classes": 2})
    return build_network({"seg": (NodeSpec("backbone", "RepNet", params={"size": size}), head)})


@pytest.mark.parametrize(("stem", "first"), [("patch", []), ("convs", [(16, 2, "s2")])])
def test_features_have_the_channels_and_strides_of_their_specs(stem, first):
    net = RepNet(IMAGE, size="nano", stem=stem).eval()
    features = net(torch.randn(1, 3, 64, 96))
    assert net.out_specs == [*first, (32, 4, "s4"), (32, 8, "s8"), (64, 16, "s16"), (128, 32, "s32")]
    assert [f.shape for f in features] == [f.shape for f in maps(net.out_specs)]


@pytest.mark.parametrize(("size", "values", "macs"), [("nano", 350_496, 479_723_520), ("small", 2_037_472, 2_642_411_520),
                                                      ("medium", 4_581_456, 5_910_036_480)])
def test_what_a_size_costs_once_it_is_folded(size, values, macs):
    """Multiply-accumulates of a 512x960 image, and weights with biases, as counted by hand from the table of sizes."""
    net = trunk_alone(size, "s32")
    fold_bn(net, ["*"])
    cost = node_costs(net, (512, 960))[0]
    assert (cost.params, cost.macs) == (values, macs)


def test_all_3x3_convolutions_have_branches_and_all_leave_one_behind():
    net = RepNet(IMAGE, size="small")
    spatial = [m for m in net.modules() if isinstance(m, ConvBNAct) and m.conv.kernel_size == (3, 3)]
    assert len(spatial) == 3 + 2 + 4 + 3
    assert all(isinstance(m, RepConvBNAct) for m in spatial)
    assert sum(m.passes_input for m in spatial) == 2 + 4


def test_the_neck_keeps_strides_and_adds_what_is_deeper():
    neck = RepNeck(FEATURES).eval()
    assert neck.out_specs == [*FEATURES[:2], FeatureSpec(12, 32, "s32")]
    features = maps(FEATURES)
    before = neck(features)
    assert [f.shape for f in before] == [f.shape for f in maps(neck.out_specs)]
    features[2] = features[2] + 3
    assert all(bool((a != b).any()) for a, b in zip(before, neck(features)))
    with pytest.raises(ValueError, match=r"whose strides double, got \[8, 32\]"):
        RepNeck([FEATURES[0], FEATURES[2]])


def test_the_neck_gives_every_feature_the_channels_that_are_asked_for():
    neck = RepNeck(FEATURES, channels=20).eval()
    assert neck.out_specs == [spec._replace(channels=20) for spec in FEATURES]
    assert [f.shape for f in neck(maps(FEATURES))] == [f.shape for f in maps(neck.out_specs)]


def test_towers():
    detection = RepDetectionTower(FEATURES, strides=[8, 32], depth=1).eval()
    assert detection.out_specs == [FEATURES[0], FEATURES[2]]
    assert [f.shape for f in detection(maps(FEATURES))] == [f.shape for f in maps([FEATURES[0], FEATURES[2]])]
    fine = [FeatureSpec(4, 4, "s4"), *FEATURES]
    both = RepSegmentationTower(fine, channels=16).eval()
    assert both.out_specs == [FeatureSpec(16, 4, "detail")]
    assert both(maps(fine))[0].shape == (1, 16, 16, 24)
    alone = RepSegmentationTower(FEATURES, strides=[8]).eval()
    assert alone.out_specs == [FeatureSpec(8, 8, "s8")]
    assert alone(maps(FEATURES))[0].shape == (1, 8, 8, 12)
    with pytest.raises(ValueError, match=r"strides=\[8, 32\]: expected one stride, or two, the second twice the first"):
        RepSegmentationTower(FEATURES, strides=[8, 32])


def test_what_is_not_there_is_told():
    with pytest.raises(ValueError, match="size='large': expected one of nano, small, medium"):
        RepNet(IMAGE, size="large")
    with pytest.raises(ValueError, match="stem='conv': expected 'patch'"):
        RepNet(IMAGE, stem="conv")


def test_tasks_share_the_towers():
    config = load_config(find_config("4pe_fast/multitask"))
    net = config_network(config)
    users = {name: len(tasks) for name, tasks in net.users.items()}
    assert {name: users[name] for name in ("backbone", "neck", "det_tower", "seg_tower")} == \
        {"backbone": 6, "neck": 6, "det_tower": 4, "seg_tower": 2}
    own = sum(p.numel() for name, node in net.nodes.items() if name.endswith("_head") for p in node.parameters())
    assert own == 4 * (64 + 128 + 128) * 4 + 4 * 3 * 4 + 7 * (320 + 3) + 4 * 16 * 65  # boxes, classes of boxes, of 2x2 pixels


@pytest.mark.parametrize("size", ["small", pytest.param("medium", marks=pytest.mark.slow)])
def test_no_weight_loses_a_bit_to_the_exact_sum(size):
    """Sums of up to 9 x 384 inputs."""
    torch.manual_seed(0)
    values = select_tasks(dict(load_config(find_config("4pe_fast/multitask")).resolved), ["det_person", "seg_lane"])
    values["nodes"]["backbone"]["size"] = size
    net = config_network(config_from_dict(values))
    randomize(net, normalize_image(images()))
    fold_bn(net, ["*"])
    prepare(net)
    calibrate(net, [normalize_image(images())])
    freeze(net)
    assert max(call.module.conv.weight[0].numel() for call in read_program(net).convs) >= 9 * 128
    assert wide_layers(net) == []


def test_a_layer_of_the_trunk_is_pruned_with_all_that_its_identity_branches_pass_on():
    net = trunk_alone("nano", "s16")
    groups = {group.name: group for group in channel_groups(read_program(net), weight_scores(net, "l1"))}
    group = groups["nodes.backbone.stages.1.0"]
    assert set(group.layers) == {f"nodes.backbone.stages.1.{i}" for i in range(3)}
    assert all(channels == unit["nodes.backbone.stages.1.0"] for unit in group.units for channels in unit.values())
