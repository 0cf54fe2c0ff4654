import pytest
import torch

from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import BinMean, Enlarge, GlobalMean, Spread
from mtzoo.models.pspnet import PyramidPooling
from mtzoo.models.task_graph import build_node
from mtzoo.structures import FeatureSpec

DEEP = FeatureSpec(32, 8, "stage4")


def test_the_pyramid_is_the_feature_and_its_means_at_any_size():
    node = build_node(NodeSpec("neck", "PyramidPooling", ("backbone",)), [DEEP]).eval()
    assert node.out_specs == [(32 + 4 * 8, 8, "pyramid")]
    assert [m.bins for m in node.modules() if isinstance(m, BinMean)] == [(2, 2), (3, 3), (6, 6)]
    kinds = [type(m) for m in node.modules()]
    assert [kinds.count(kind) for kind in (GlobalMean, Spread, Enlarge)] == [1, 1, 3]
    x = torch.randn(2, 32, 7, 11)
    result = node([x])[0]
    assert result.shape == (2, 64, 7, 11)
    assert torch.equal(result[:, :32], x)


def test_channels_of_each_level():
    assert PyramidPooling([DEEP], bins=[1, 4], channels=5).out_specs == [(42, 8, "pyramid")]
    with pytest.raises(ValueError, match=r"bins=\[0\]: expected numbers of 1 or more"):
        PyramidPooling([DEEP], bins=[0])
