import pytest
import torch

from mtzoo.graph_spec import NodeSpec
from mtzoo.models import build_network
from mtzoo.models.pp_liteseg import SPPM, UAFM, UAFMDecoder
from mtzoo.structures import FeatureSpec

SPECS = [FeatureSpec(8, 8, "a"), FeatureSpec(12, 16, "b"), FeatureSpec(16, 32, "c"), FeatureSpec(20, 32, "context")]


def maps(specs, hw=(64, 96)):
    return [torch.randn(1, spec.channels, hw[0] // spec.stride, hw[1] // spec.stride) for spec in specs]


@pytest.mark.parametrize("hw", [(32, 32), (64, 96), (384, 160)])
def test_the_context_has_the_size_of_what_it_reads(hw):
    node = SPPM(SPECS[2:3], channels=8).eval()
    (context,) = node(maps(SPECS[2:3], hw))
    assert node.out_specs == [FeatureSpec(8, 32, "context")]
    assert context.shape == (1, 8, hw[0] // 32, hw[1] // 32)


def test_the_decoder_gives_a_feature_at_each_stride():
    node = UAFMDecoder(SPECS, channels=(4, 6, 10)).eval()
    assert node.out_specs == [FeatureSpec(4, 8, "up0"), FeatureSpec(6, 16, "up1"), FeatureSpec(10, 32, "up2")]
    assert [tuple(f.shape) for f in node(maps(SPECS))] == [(1, 4, 8, 12), (1, 6, 4, 6), (1, 10, 2, 3)]


def test_the_gate_says_how_much_of_either_map_goes_on():
    fusion = UAFM(6, 8, 8).eval()
    fine, deep, norm = torch.randn(1, 6, 4, 4), torch.rand(1, 8, 4, 4), fusion.attention[-1].bn
    for bias, wanted in ((100.0, fusion.fine(fine)), (-100.0, deep)):  # all of the fine map, all of the deep one
        norm.bias.data.fill_(bias)
        torch.testing.assert_close(fusion(fine, deep), fusion.fuse(wanted))


def test_they_work_on_another_backbone():
    net = build_network({"seg": (
        NodeSpec("backbone", "VarGNetV2", params={"width": 0.25, "group_base": 8}),
        NodeSpec("context", "SPPM", ("backbone.mod5",), {"channels": 32}),
        NodeSpec("neck", "UAFMDecoder", ("backbone.mod3", "backbone.mod4", "backbone.mod5", "context"), {"channels": [16, 24, 32]}),
        NodeSpec("head", "FCNHead", ("neck.up0",), {"num_classes": 5}))}).eval()
    with torch.no_grad():
        assert net(torch.rand(1, 3, 64, 96))["seg"]["logits"].shape == (1, 5, 8, 12)


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"bins=\[1, 0\]: expected numbers above 0"):
        SPPM(SPECS[2:3], bins=(1, 0))
    with pytest.raises(ValueError, match=r"then a context at the last one's stride, got \[8, 32, 32\]"):
        UAFMDecoder([SPECS[0], *SPECS[2:]], channels=(4, 6))
    with pytest.raises(ValueError, match=r"channels=\[4\]: expected one number for each feature but the context, 3"):
        UAFMDecoder(SPECS, channels=(4,))
