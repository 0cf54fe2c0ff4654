import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import AvgPool, ConvBNAct
from mtzoo.models import Timm
from mtzoo.models.resnet_vd import ResNetVD
from mtzoo.models.task_graph import build_node
from mtzoo.structures import FeatureSpec
from tests.lowering.parity import trained

IMAGE = [FeatureSpec(3, 1, "image")]


def dilations(net: torch.nn.Module, stage: str) -> list[int]:
    """Of the 3x3 convolutions of a stage, in order."""
    return [m.conv.dilation[0] for name, m in net.named_modules()
            if name.startswith(stage) and isinstance(m, ConvBNAct) and m.conv.kernel_size == (3, 3)]


def test_features_are_the_stages():
    net = ResNetVD(IMAGE, depth=18).eval()
    assert net.out_specs == [(64, 4, "stage1"), (128, 8, "stage2"), (256, 16, "stage3"), (512, 32, "stage4")]
    assert [tuple(x.shape[2:]) for x in net(torch.randn(1, 3, 64, 96))] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert sum(isinstance(m, AvgPool) for m in net.modules()) == 3  # in the shortcuts of the stages that halve


@pytest.mark.parametrize(("output_stride", "strides", "third", "last"), [
    (32, [4, 8, 16, 32], 1, [1, 1, 2, 2]), (16, [4, 8, 16, 16], 1, [2, 2, 4, 4]), (8, [4, 8, 8, 8], 2, [4, 4, 8, 8])])
def test_strides_become_dilations_of_all_blocks_behind_them(output_stride, strides, third, last):
    net = ResNetVD(IMAGE, depth=18, output_stride=output_stride, multi_grid=[1, 2])
    assert [spec.stride for spec in net.out_specs] == strides
    assert dilations(net, "stage3") == [third] * 4
    assert dilations(net, "stage4") == last  # times the multi-grid


def test_a_bottleneck_strides_in_its_3x3_convolution():
    net = ResNetVD(IMAGE, depth=50)
    assert [spec.channels for spec in net.out_specs] == [256, 512, 1024, 2048]
    strided = [(name, m.conv.kernel_size) for name, m in net.named_modules()
               if isinstance(m, ConvBNAct) and m.conv.stride == (2, 2) and name.startswith("stage")]
    assert [name.split(".")[:2] for name, _ in strided] == [["stage2", "0"], ["stage3", "0"], ["stage4", "0"]]
    assert {kernel for _, kernel in strided} == {(3, 3)}


@pytest.mark.parametrize(("params", "message"), [
    ({"depth": 20}, "depth=20: expected one of 18, 34, 50, 101, 152"),
    ({"output_stride": 4}, "output_stride=4: expected 8, 16 or 32"),
    ({"multi_grid": []}, r"multi_grid=\[\]: expected factors of 1 or more"),
])
def test_what_is_not_offered_is_told_in_one_line(params, message):
    with pytest.raises(UserError, match=f"node 'backbone': {message}"):
        build_node(NodeSpec("backbone", "ResNetVD", params=params), IMAGE)


def test_weights_of_timms_resnet_d_fit_in_order(tmp_path):
    """With the mean and deviation that its images have folded in, it then gives what timm's does."""
    timm = pytest.importorskip("timm")
    published = trained(timm.create_model("resnet18d", zero_init_last=False))
    torch.save(published.state_dict(), tmp_path / "weights.pth")
    features = [f"layer{i}" for i in range(1, 5)]
    theirs = Timm(IMAGE, name="resnet18d", features=features, weights=str(tmp_path / "weights.pth"))
    ours = ResNetVD(IMAGE, depth=18, weights=str(tmp_path / "weights.pth"))
    for node in (theirs, ours):
        node.start_from_published()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for a, b in zip(ours.eval()(x), theirs.eval()(x), strict=True):
            assert (a - b).abs().max() <= 1e-5 * b.abs().max()
