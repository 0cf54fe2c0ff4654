import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.graph_spec import NodeSpec
from mtzoo.layers import UpsampleBilinear
from mtzoo.models.hrnet import Exchange, HRNet
from mtzoo.models.task_graph import build_node
from mtzoo.structures import FeatureSpec

IMAGE = [FeatureSpec(3, 1, "image")]
SMALLEST = {"width": 4, "modules": [1, 1, 1], "blocks": 1, "first_blocks": 1, "first_width": 4}


def test_features_are_the_four_maps():
    node = build_node(NodeSpec("backbone", "HRNet", params=SMALLEST), IMAGE).eval()
    assert node.out_specs == [(4, 4, "s4"), (8, 8, "s8"), (16, 16, "s16"), (32, 32, "s32")]
    assert [tuple(x.shape[1:]) for x in node(torch.randn(1, 3, 64, 96))] == [(4, 16, 24), (8, 8, 12), (16, 4, 6), (32, 2, 3)]
    assert {m.factor for m in node.modules() if isinstance(m, UpsampleBilinear)} == {2, 4, 8}


def test_every_map_hears_of_every_other():
    exchange = Exchange([2, 3, 4]).eval()
    shapes = [(2, 16, 16), (3, 8, 8), (4, 4, 4)]
    for source in range(3):
        maps = [torch.rand(1, *shape).requires_grad_() for shape in shapes]
        for result, shape in zip(exchange(maps), shapes, strict=True):
            assert result.shape == (1, *shape)
            assert torch.autograd.grad(result.sum(), maps[source], retain_graph=True)[0].abs().sum() > 0


def test_as_many_modules_and_blocks_as_asked():
    net = HRNet(IMAGE, width=4, modules=[1, 3, 2], blocks=2, first_blocks=3, first_width=4)
    assert [len(stage) - 1 for stage in net.stages] == [1, 3, 2]
    assert [len(branch) for branch in net.stages[2][1].branches] == [2] * 4
    assert len(net.first) == 3
    with pytest.raises(UserError, match=r"node 'backbone': modules=\[1, 1\], .* three numbers of modules"):
        build_node(NodeSpec("backbone", "HRNet", params={"modules": [1, 1]}), IMAGE)


def test_all_features_are_enlarged_to_the_finest():
    specs = [FeatureSpec(3, 8, "b"), FeatureSpec(2, 4, "a")]
    node = build_node(NodeSpec("neck", "ResizeConcat", ("b", "a")), specs).eval()
    assert node.out_specs == [(5, 4, "concat")]
    result = node([torch.ones(1, 3, 2, 3), torch.zeros(1, 2, 4, 6)])[0]
    assert result.shape == (1, 5, 4, 6)
    assert result[:, :3].eq(1).all()
