import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.graph_spec import REMOVED
from mtzoo.layers import ConvBNAct
from mtzoo.models import build_network
from mtzoo.models.channel_plan import channels_of, dropped_blocks, node_channels
from tests.tiny import tiny_graphs

STAGE = "nodes.backbone.stages.1.1"  # (16, 32, 2) and (32, 16, 1) at width 0.25


def test_a_plan_narrows_what_it_names():
    plan = {f"{STAGE}.conv.spatial": (16, 16, 2), f"{STAGE}.conv.pointwise": (16, 16, 1)}
    net = build_network(tiny_graphs(), plan)
    assert {name: channels for name, channels in channels_of(net).items()
            if channels != channels_of(build_network(tiny_graphs()))[name]} == plan
    layer = net.get_submodule(f"{STAGE}.conv.spatial")
    assert isinstance(layer, ConvBNAct)
    assert layer.bn.num_features == 16
    out = net(torch.zeros(2, 3, 64, 96))
    assert out["seg"]["logits"].shape == (2, 3, 16, 24)
    assert net.training


def test_a_block_that_is_gone_passes_its_input_on():
    plan = {"nodes.backbone.stages.1.1": REMOVED, "nodes.backbone.stages.2.4": REMOVED}
    net = build_network(tiny_graphs(), plan)
    assert dropped_blocks(net, build_network(tiny_graphs())) == list(plan)
    assert not any(name.startswith(("nodes.backbone.stages.1.1.", "nodes.backbone.stages.2.4.")) for name, _ in net.named_parameters())
    x = torch.randn(1, 3, 64, 96)
    stage, read = net.get_submodule("nodes.backbone.stages.1"), []
    stage[0].register_forward_hook(lambda _m, _args, y: read.append(y))
    stage[2].register_forward_hook(lambda _m, args, _y: read.append(args[0]))
    net(x)
    assert read[0] is read[1]


@pytest.mark.parametrize(("plan", "message"), [
    ({"nodes.backbone.stages.1.9": REMOVED}, r"no block of layers; did you mean 'nodes.backbone.stages.1"),
    ({"nodes.seg_head": REMOVED}, "no block of layers"),
    ({"nodes.det_head.cls": REMOVED}, "makes an output"),
    ({"nodes.backbone.stages.1.0": REMOVED}, "do not fit together"),
    ({"nodes.neck.levels.0": REMOVED}, "do not fit together"),
    ({f"{STAGE}.conv.spatial": REMOVED}, "no block of layers"),  # a layer of its own
    ({STAGE: REMOVED, f"{STAGE}.conv.spatial": (16, 16, 2)}, "no layer"),
    ({"nodes.backbone.sten": (3, 8, 1)}, "no layer 'nodes.backbone.sten'; did you mean 'nodes.backbone.stem'"),
    ({f"{STAGE}.conv.spatial": (16, 17, 2)}, r"channels.*\[16, 17, 2\].*multiples of the groups"),
    ({f"{STAGE}.conv.spatial": (16, 0, 1)}, "multiples of the groups"),
    ({f"{STAGE}.conv.spatial": (16, 64, 2)}, "wider than the specs"),
    ({f"{STAGE}.conv.spatial": (16, 32, 1)}, "wider than the specs"),  # dense needs more weights than there are
    ({"nodes.seg_head.classify": (32, 2, 1)}, "an output of the network"),
    ({f"{STAGE}.conv.spatial": (16, 16, 2)}, "do not fit together"),  # its reader still wants 32
])
def test_a_plan_that_does_not_fit_is_one_line(plan, message):
    with pytest.raises(UserError, match=message) as caught:
        build_network(tiny_graphs(), plan)
    assert "\n" not in str(caught.value)


def test_a_plan_of_fewer_nodes():
    plan = {"nodes.backbone.stem": (3, 8, 1), "nodes.det_head.cls.0": (8, 2, 1)}
    assert node_channels(plan, {"backbone": None}) == {"nodes.backbone.stem": (3, 8, 1)}
