import pytest
import torch

from mtzoo.compression.pruning import kept_channels, prune, prune_call
from mtzoo.graph import read_program
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from tests.tiny import tiny_graphs


def test_channels_are_followed_through_concat_and_upsampling():
    program = read_program(build_network(tiny_graphs()))
    context = "nodes.seg_head.context"
    kept = kept_channels(program, {context: [0, 3]})
    assert (~kept[context]).nonzero().flatten().tolist() == [0, 3]
    reader = next(call for call in program.convs if call.name == "nodes.seg_head.pointwise")
    spatial = program.convs[[c.name for c in program.convs].index("nodes.seg_head.spatial")].module.conv.out_channels
    assert (~kept[reader.inputs[0]]).nonzero().flatten().tolist() == [spatial, spatial + 3]


def test_what_stays_keeps_its_weights_and_statistics():
    layer = ConvBNAct(4, 3, 1)
    layer.bn.running_mean += torch.arange(3)
    weight = layer.conv.weight.detach().clone()
    prune_call(layer, torch.tensor([True, False, True, True]), torch.tensor([False, True, True]))
    assert torch.equal(layer.conv.weight, weight[1:][:, [0, 2, 3]])
    assert layer.bn.running_mean.tolist() == [1, 2]
    assert layer.training


@pytest.mark.parametrize(("inputs", "outputs"), [
    ([1, 0, 1, 1], [1, 1, 1, 1]),  # half a group
    ([1, 1, 0, 0], [1, 1, 1, 1]),  # outputs of a group without inputs
    ([1, 1, 1, 1], [1, 1, 1, 0]),  # unequal groups
])
def test_groups_go_whole_or_keep_as_many(inputs, outputs):
    layer = ConvBNAct(4, 4, 3, groups=2)
    with pytest.raises(ValueError, match="each group keeps as many"):
        prune_call(layer, torch.tensor(inputs, dtype=torch.bool), torch.tensor(outputs, dtype=torch.bool))


def test_a_skip_keeps_the_channels_it_is_added_to():
    net = build_network(tiny_graphs())
    with pytest.raises(ValueError, match="go together"):
        prune(net, {"nodes.backbone.stages.1.1.out_conv.pointwise": range(8)})
