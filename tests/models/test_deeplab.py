import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import Spread, UpsampleBilinear
from mtzoo.models.deeplab import ASPP, DeepLabV3PlusDecoder
from mtzoo.models.task_graph import build_node
from mtzoo.structures import FeatureSpec

FINE, DEEP = FeatureSpec(24, 4, "stage1"), FeatureSpec(32, 16, "stage4")


def test_aspp_keeps_the_stride_and_reads_as_far_as_its_dilations():
    node = build_node(NodeSpec("aspp", "ASPP", ("backbone",), {"channels": 16, "dilations": [2, 5]}), [DEEP]).eval()
    assert node.out_specs == [(16, 16, "aspp")]
    convs = {name: m for name, m in node.named_modules() if isinstance(m, torch.nn.Conv2d)}
    assert [convs[f"atrous.{i}.0.conv.conv"].dilation for i in (0, 1)] == [(2, 2), (5, 5)]
    assert convs["join.conv.conv"].in_channels == 4 * 16  # 1x1, two dilations, mean
    assert any(isinstance(m, Spread) for m in node.modules())
    assert node([torch.randn(2, 32, 7, 9)])[0].shape == (2, 16, 7, 9)


def test_aspp_without_the_mean_and_with_whole_convolutions():
    node = ASPP([DEEP], channels=8, dilations=[3], separable=False, image_mean=False).eval()
    assert node.join.conv.in_channels == 2 * 8
    assert node.atrous[0].conv.weight.shape == (8, 32, 3, 3)
    x = torch.zeros(1, 32, 9, 9)
    x[..., 0, 0] = 1
    seen = (node([x])[0] - node([torch.zeros_like(x)])[0]).abs().sum(1)[0] > 0
    assert seen.nonzero().tolist() == [[0, 0], [0, 3], [3, 0], [3, 3]]


def test_the_decoder_enlarges_the_deep_feature_to_the_fine_one():
    params = {"low_channels": 6, "channels": 10}
    node = build_node(NodeSpec("decoder", "DeepLabV3PlusDecoder", ("a", "b"), params), [FINE, DEEP]).eval()
    assert node.out_specs == [(10, 4, "decoder")]
    assert [m.factor for m in node.modules() if isinstance(m, UpsampleBilinear)] == [4]
    assert node([torch.randn(1, 24, 16, 24), torch.randn(1, 32, 4, 6)])[0].shape == (1, 10, 16, 24)


def test_the_decoder_wants_two_features_the_finer_first():
    for specs in ([DEEP, FINE], [FINE]):
        with pytest.raises(ValueError, match=r"expected two features, the finer first, .*; got stage"):
            DeepLabV3PlusDecoder(specs)
    with pytest.raises(UserError, match=r"node 'aspp': expected one feature, the inputs have 2: stage1 \(stride 4\), stage4"):
        build_node(NodeSpec("aspp", "ASPP", ("backbone",)), [FINE, DEEP])
