import pytest
import torch

from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import ConvBNAct
from mtzoo.models import MultiTaskNet, build_network
from mtzoo.models.costs import node_costs
from mtzoo.quantization import calibrate, fold_bn, freeze, prepare
from tests.layers.leaf_cases import CASES, LeafNet
from tests.tiny import HW, segmentation_head, tiny_graphs

# a, group base, parameters of the backbone in millions, multiply-accumulates at 512x960 in thousand millions
PUBLISHED = [(0.5, 8, 0.750, 1.21), (0.5, 4, 0.591, 0.95), (1.0, 8, 2.32, 3.39)]


def costs_of(width, group_base, neck_group_base=8):
    graph = (NodeSpec("backbone", "VarGNetV2", params={"width": width, "group_base": group_base}),
             NodeSpec("neck", "UnetNeck", ("backbone",), {"group_base": neck_group_base}), segmentation_head())
    with torch.device("meta"):
        net = build_network({"seg": graph})
    return {cost.name: cost for cost in node_costs(net, (512, 960))}


@pytest.mark.parametrize(("width", "group_base", "params", "macs"), PUBLISHED)
def test_backbone_costs_what_is_published(width, group_base, params, macs):
    cost = costs_of(width, group_base)["backbone"]
    assert cost.params / 1e6 == pytest.approx(params, rel=0.01)
    assert cost.macs / 1e9 == pytest.approx(macs, rel=0.01)


def test_neck_costs_what_is_published():
    cost = costs_of(0.5, 8)["neck"]
    assert cost.params / 1e6 == pytest.approx(0.110, rel=0.01)
    assert cost.macs / 1e9 == pytest.approx(0.68, rel=0.01)
    assert costs_of(0.5, 8, neck_group_base=4)["neck"].params < cost.params  # g8g4: the neck has a group base of its own


def test_costs_add_up_and_leave_the_network_alone():
    net = build_network(tiny_graphs())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    costs = node_costs(net, HW)
    assert [c.name for c in costs] == ["backbone", "neck", "det_head", "seg_head"]
    assert sum(c.params for c in costs) == sum(p.numel() for p in net.parameters())
    assert costs[0].tasks == ("det", "seg")
    assert costs[3].tasks == ("seg",)
    assert costs[1].inputs == ("backbone",)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(m._forward_hooks for m in net.modules())


def test_macs_of_one_layer_by_hand():
    """The classifier: 32 -> 3 channels, 1x1, at a quarter of 64x96."""
    with torch.device("meta"):
        wide, narrow = (build_network({"seg": (*tiny_graphs()["seg"][:2], segmentation_head(num_classes=k))}) for k in (4, 3))
    difference = [a.macs - b.macs for a, b in zip(node_costs(wide, HW), node_costs(narrow, HW))]
    assert difference == [0, 0, 32 * 16 * 24]


@pytest.mark.parametrize("frozen", [False, True])
def test_networks_of_any_leaf_are_counted(frozen):
    """Only convolutions count, quantized or not: of a case of 16 channels, the classifier of 2 is 32 a place."""
    cases = [name for name in CASES if not name.startswith("conv ")]
    node = LeafNet([], cases=cases, padding=1, hw=HW)
    net = MultiTaskNet({"net": node}, {"net": ("image",)}, {"seg": "net"}, {"net": ("seg",)}).eval()
    if frozen:
        prepare(net)
        calibrate(net, [torch.rand(1, 3, *HW) * 2 - 1])
        fold_bn(net, ["nodes.*"])
        freeze(net)
    seen = {}
    hooks = [m.register_forward_hook(lambda m, args, out, name=name: seen.update({name: out[0].numel() * m.conv.weight[0].numel()}))
             for name, m in net.nodes["net"].named_modules() if isinstance(m, ConvBNAct)]
    with torch.no_grad():
        net(torch.zeros(1, 3, *HW))
    for hook in hooks:
        hook.remove()
    (cost,) = node_costs(net, HW)
    assert cost.macs == sum(seen.values())
    assert seen["classify.product"] == 2 * 16 * HW[0] * HW[1]
