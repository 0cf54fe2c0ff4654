import pytest
import torch

from mtzoo.models.bisenet_v2 import BilateralGuidedAggregation, BiSeNetV2
from mtzoo.structures import FeatureSpec

IMAGE = [FeatureSpec(3, 1, "image")]


@pytest.mark.parametrize("relu_between", [True, False])
def test_features_have_the_channels_and_strides_of_their_specs(relu_between):
    net = BiSeNetV2(IMAGE, channels=(8, 16, 24, 32), expansion=2, relu_between=relu_between).eval()
    features = net(torch.randn(1, 3, 64, 96))
    assert [spec.name for spec in net.out_specs] == ["stem", "detail", "stage3", "stage4", "stage5", "semantic"]
    assert [spec[:2] for spec in net.out_specs] == [(8, 4), (128, 8), (16, 8), (24, 16), (32, 32), (32, 32)]
    assert [tuple(f.shape) for f in features] == [(1, s.channels, 64 // s.stride, 96 // s.stride) for s in net.out_specs]


def test_the_semantic_feature_sees_the_whole_image():
    net = BiSeNetV2(IMAGE, channels=(8, 16, 24, 32), expansion=2).eval()
    image = torch.randn(1, 3, 64, 1024)
    changed = image.clone()
    changed[..., -8:] += 3
    (*_, before), (*_, after) = net(image), net(changed)
    assert (before[..., 0] != after[..., 0]).any()


def test_aggregation_gives_the_size_of_the_detail():
    neck = BilateralGuidedAggregation([FeatureSpec(12, 8, "detail"), FeatureSpec(20, 32, "semantic")], channels=16).eval()
    (fused,) = neck([torch.randn(2, 12, 8, 12), torch.randn(2, 20, 2, 3)])
    assert fused.shape == (2, 16, 8, 12)
    assert neck.out_specs == [FeatureSpec(16, 8, "fused")]


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"expected four numbers"):
        BiSeNetV2(IMAGE, channels=(16, 32))
    with pytest.raises(ValueError, match=r"four times the first's stride, got \[8, 16\]"):
        BilateralGuidedAggregation([FeatureSpec(12, 8, "a"), FeatureSpec(20, 16, "b")])
