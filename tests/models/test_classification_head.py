import pytest
import torch

from mtzoo.models import ClassificationHead
from mtzoo.structures import FeatureSpec

SPECS = [FeatureSpec(8, 16, "n.a"), FeatureSpec(24, 32, "n.b")]


@pytest.mark.parametrize("channels", [0, 12])
def test_one_value_for_each_class_whatever_the_size(channels):
    head = ClassificationHead(SPECS, num_classes=5, channels=channels).eval()
    for size in (3, 6):
        features = [torch.randn(2, 8, 2 * size, 2 * size), torch.randn(2, 24, size, size)]
        assert head(features)["logits"].shape == (2, 5, 1, 1)
    assert head.classify.conv.in_channels == (channels or 24)


def test_strides_that_are_not_there():
    with pytest.raises(ValueError, match="no feature of stride 64"):
        ClassificationHead(SPECS, num_classes=5, strides=[64])
    with pytest.raises(ValueError, match="expected one stride"):
        ClassificationHead(SPECS, num_classes=5, strides=[16, 32])
