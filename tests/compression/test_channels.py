import pytest
import torch
from torch import nn

from mtzoo.compression.channels import ChannelGroup, channel_groups, removed_channels
from mtzoo.compression.importance import weight_scores
from mtzoo.compression.pruning import prune
from mtzoo.foreign import from_torch
from mtzoo.graph import read_program
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from tests.compression.helpers import mask, random_choice
from tests.quantization.helpers import differing, images, outputs
from tests.tiny import detection_head, segmentation_head

BACKBONE = NodeSpec("backbone", "VarGNetV2", params={"width": 0.5, "group_base": 8})


def graphs(neck_base: int = 8):
    neck = NodeSpec("neck", "UnetNeck", ("backbone",), {"group_base": neck_base})
    return {"det": (BACKBONE, neck, detection_head()), "seg": (BACKBONE, neck, segmentation_head(channels=48, factor=2))}


def groups_of(net, align=8) -> dict[str, ChannelGroup]:
    groups = channel_groups(read_program(net), weight_scores(net, "l2"), align)
    return {group.name: group for group in groups}


def test_a_trunk_unit_runs_through_backbone_neck_and_every_head():
    group = groups_of(build_network(graphs()))["nodes.backbone.stages.2.0.pointwise"]
    assert len(group.units) == 8  # groups of 8 of 64 channels
    assert {"nodes.backbone.stages.2.3.out_conv.pointwise", "nodes.backbone.stages.2.3.conv.spatial",
            "nodes.backbone.stages.3.0.shortcut", "nodes.neck.levels.2.conv.pointwise", "nodes.neck.levels.1.conv.spatial",
            "nodes.det_head.towers.1.0.spatial"} < set(group.layers)
    assert "nodes.backbone.stages.2.3.conv.pointwise" not in group.layers  # inside of a block
    assert not any("seg_head" in layer for layer in group.layers)  # it reads strides 4 and 8
    assert group.counts == (8, 6, 4, 2)  # multiples of 16 channels: an odd number of groups is slower
    unit = group.units[0]
    first = unit["nodes.backbone.stages.2.0.pointwise"][0]
    assert unit["nodes.backbone.stages.2.0.pointwise"] == tuple(range(first, first + 8))
    assert unit["nodes.backbone.stages.2.1.conv.spatial"] == tuple(range(2 * first, 2 * first + 16))


def test_slices_take_the_least_important_output_of_every_group():
    net = build_network(graphs())
    name = "nodes.backbone.stages.1.1.conv.spatial"  # 4 groups of 16 outputs
    group = groups_of(net)[name]
    assert group.kind == "slices"
    assert group.counts == (16, 8)
    scores = weight_scores(net, "l2")[name].reshape(4, 16)
    assert group.units[0][name] == tuple(int(i) * 16 + int(row.argmin()) for i, row in enumerate(scores))
    whole = sorted(channel for unit in group.units for channel in unit[name])
    assert whole == list(range(64))


def test_single_channels_of_dense_layers_and_what_stays():
    net = build_network(graphs())
    groups = groups_of(net)
    context = groups["nodes.seg_head.context"]  # upsampled and concatenated, read by a 1x1 convolution alone
    assert context.counts == (48, 32, 16)
    assert context.layers == ("nodes.seg_head.context",)
    held = {layer for group in groups.values() for layer in group.layers}
    ends = {name for name, m in net.named_modules() if isinstance(m, ConvBNAct) and m.output == "accumulator"}
    assert ends
    assert not held & ends
    assert all(0 < count <= len(group.units) for group in groups.values() if group.kind != "block" for count in group.counts)


def test_the_inside_of_a_residual_block_goes_as_one():
    net = build_network(graphs())
    group = groups_of(net)["nodes.backbone.stages.2.3"]
    inside = [f"nodes.backbone.stages.2.3.{name}" for name in ("conv.spatial", "conv.pointwise", "out_conv.spatial")]
    assert group.counts == (1, 0)
    assert group.units == ({name: tuple(range(net.get_submodule(name).conv.out_channels)) for name in inside},)
    assert group.gates == {"nodes.backbone.stages.2.3.out_conv.pointwise": tuple(range(64))}
    program, scores = read_program(net), weight_scores(net, "l2")
    assert [g.name for g in channel_groups(program, scores) if g.kind != "block"] \
        == [g.name for g in channel_groups(program, scores, blocks=False)]


def test_alignment_one_lets_every_group_go_but_the_last():
    groups = groups_of(build_network(graphs()), align=1)
    assert groups["nodes.backbone.stages.2.0.pointwise"].counts == tuple(range(8, 0, -1))
    assert groups["nodes.backbone.stages.1.1.conv.spatial"].counts == tuple(range(16, 0, -1))


def test_a_neck_of_narrower_groups_is_cut_where_the_backbone_allows():
    group = groups_of(build_network(graphs(neck_base=4)), align=4)["nodes.backbone.stages.1.0.pointwise"]
    unit = group.units[0]
    assert len(unit["nodes.neck.levels.1.conv.pointwise"]) == 8  # two of the neck's groups


def test_count_at_a_ratio_never_takes_more():
    group = ChannelGroup("a", ({"a": (0,)},) * 8, (8, 6, 4, 2))
    assert [group.count_at(ratio) for ratio in (0.1, 0.25, 0.3, 0.5, 0.99)] == [8, 6, 6, 4, 2]
    assert len(group.removed(6)) == 2


@pytest.mark.parametrize("neck_base", [4, 8])
@pytest.mark.parametrize("seed", range(3))
def test_every_choice_of_groups_can_go(seed, neck_base, wide_net):
    """Channels gone for real and channels that give 0 are one function."""
    pruned, masked = wide_net(graphs(neck_base)), wide_net(graphs(neck_base))
    groups = list(groups_of(pruned, align=2).values())
    removed = removed_channels(random_choice(groups, seed), groups)
    assert removed
    prune(pruned, removed)
    mask(masked, removed)
    x = (images(1, seed).float() - 128) / 128
    one, other = outputs(pruned, x), outputs(masked, x)
    assert one.keys() == other.keys()
    for name in one:
        assert float((one[name] - other[name]).abs().max()) <= 1e-4 * max(1.0, float(other[name].abs().max()))
    assert differing(one, outputs(wide_net(graphs(neck_base)), x)) > 0


@pytest.mark.parametrize("end", [
    nn.Identity(), nn.Upsample(scale_factor=4, mode="bilinear"), nn.Sigmoid(), nn.ReLU(), nn.PixelShuffle(2),
    nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, groups=2), nn.Hardswish())], ids=lambda end: type(end).__name__)
def test_channels_of_outputs_stay_whatever_makes_them(end):
    module = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 16, 1), end)
    net = from_torch(module, torch.zeros(1, 3, 16, 24), mean=0.5, std=0.25).folded
    groups = groups_of(net, align=1)
    assert set(groups) == {"nodes.net.net.0"}
    x = images(1)[:, :, :16, :24] / 128 - 1
    wanted = {name: value.shape for name, value in outputs(net, x).items()}
    prune(net, removed_channels({name: group.counts[-1] for name, group in groups.items()}, list(groups.values())))
    assert {name: value.shape for name, value in outputs(net, x).items()} == wanted
