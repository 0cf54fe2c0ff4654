import pytest
import torch

from mtzoo.models.fast_scnn import FastSCNN, FeatureFusionModule
from mtzoo.structures import FeatureSpec

IMAGE = [FeatureSpec(3, 1, "image")]
SMALL = {"downsampling": (8, 12, 16), "channels": (16, 24, 32), "out_channels": 20}


@pytest.mark.parametrize("hw", [(64, 96), (32, 32), (192, 320)])
def test_features_have_the_channels_and_strides_of_their_specs(hw):
    net = FastSCNN(IMAGE, **SMALL).eval()
    features = net(torch.randn(1, 3, *hw))
    assert net.out_specs == [FeatureSpec(16, 8, "high"), FeatureSpec(20, 32, "low")]
    assert [tuple(f.shape) for f in features] == [(1, s.channels, hw[0] // s.stride, hw[1] // s.stride) for s in net.out_specs]


def test_the_low_feature_sees_the_whole_image_and_the_high_one_does_not():
    net = FastSCNN(IMAGE, **SMALL).eval()
    image = torch.randn(1, 3, 64, 1024)
    changed = image.clone()
    changed[..., -8:] += 3
    before, after = net(image), net(changed)
    assert [bool((a[..., 0] != b[..., 0]).any()) for a, b in zip(before, after)] == [False, True]


def test_fusion_gives_the_size_of_the_finer_feature():
    neck = FeatureFusionModule([FeatureSpec(12, 8, "high"), FeatureSpec(20, 32, "low")], channels=16).eval()
    (fused,) = neck([torch.randn(2, 12, 8, 12), torch.randn(2, 20, 2, 3)])
    assert fused.shape == (2, 16, 8, 12)
    assert float(fused.detach().min()) >= 0
    assert neck.out_specs == [FeatureSpec(16, 8, "fused")]


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"downsampling=\[32, 64\]: expected three numbers"):
        FastSCNN(IMAGE, downsampling=(32, 64))
    with pytest.raises(ValueError, match=r"four times the first's stride, got \[8, 16\]"):
        FeatureFusionModule([FeatureSpec(12, 8, "a"), FeatureSpec(20, 16, "b")])
