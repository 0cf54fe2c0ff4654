import pytest
import torch

from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import SoftmaxMean
from mtzoo.models.gcnet import GlobalContext
from mtzoo.models.task_graph import build_node
from mtzoo.structures import FeatureSpec

DEEP = FeatureSpec(24, 8, "stage4")


def test_the_context_is_one_vector_added_everywhere():
    torch.manual_seed(0)
    block = GlobalContext(16).eval()
    x = torch.randn(2, 16, 5, 7)
    added = block(x) - x
    torch.testing.assert_close(added, added[..., :1, :1].expand_as(added), rtol=0, atol=1e-5)
    weights = torch.softmax(block.scores(x).flatten(1), dim=1)
    mean = (x.flatten(2) * weights[:, None]).sum(2)[..., None, None]
    torch.testing.assert_close(added[..., :1, :1], block.transform(mean), rtol=1e-4, atol=1e-5)


def test_the_neck_keeps_the_stride_and_lowers_to_the_exact_mean():
    node = build_node(NodeSpec("neck", "GlobalContextNeck", ("backbone",), {"channels": 16}), [DEEP]).eval()
    assert node.out_specs == [(16, 8, "context")]
    assert sum(isinstance(m, SoftmaxMean) for m in node.modules()) == 1
    assert node.context.transform.get_submodule("0").conv.conv.out_channels == 4
    assert node.join.conv.conv.in_channels == 24 + 16
    assert node([torch.randn(2, 24, 6, 9)])[0].shape == (2, 16, 6, 9)


def test_no_hidden_channel_is_told():
    with pytest.raises(ValueError, match="ratio=0.01 of 16 channels: expected 1 channel at least"):
        GlobalContext(16, 0.01)
