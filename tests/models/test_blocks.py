import pytest
import torch

from mtzoo.models.blocks import SeparableConv, conv_bn_relu, one_feature
from mtzoo.structures import FeatureSpec


def test_blocks_keep_the_size_at_any_dilation():
    x = torch.randn(2, 8, 9, 11)
    assert conv_bn_relu(8, 4, 3, dilation=3)(x).shape == (2, 4, 9, 11)
    assert conv_bn_relu(8, 4, 3, stride=2)(x).shape == (2, 4, 5, 6)
    assert SeparableConv(8, 4, dilation=2)(x).shape == (2, 4, 9, 11)


def test_weights_begin_with_the_variance_of_their_outputs():
    weight = conv_bn_relu(64, 256, 3)[0].weight
    assert float(weight.detach().std()) == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)


def test_one_feature_names_those_that_are_there():
    specs = [FeatureSpec(8, 4, "a"), FeatureSpec(16, 8, "b")]
    assert one_feature(specs[1:]) == specs[1]
    with pytest.raises(ValueError, match=r"expected one feature, the inputs have 2: a \(stride 4\), b \(stride 8\)"):
        one_feature(specs)
