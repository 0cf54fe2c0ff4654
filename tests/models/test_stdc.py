import pytest
import torch

from mtzoo.models.stdc import STDC, STDCModule
from mtzoo.structures import FeatureSpec

IMAGE = [FeatureSpec(3, 1, "image")]
CHANNELS = (8, 16, 24, 32, 48)


def test_features_have_the_channels_and_strides_of_their_specs():
    net = STDC(IMAGE, channels=CHANNELS).eval()
    features = net(torch.randn(1, 3, 64, 96))
    assert net.out_specs == [FeatureSpec(c, s, f"stage{i}") for c, s, i in zip(CHANNELS, (2, 4, 8, 16, 32), range(1, 6))]
    assert [tuple(f.shape) for f in features] == [(1, s.channels, 64 // s.stride, 96 // s.stride) for s in net.out_specs]


def test_layers_tell_stdc1_from_stdc2():
    one, two = (STDC(IMAGE, channels=CHANNELS, layers=layers) for layers in ((2, 2, 2), (4, 5, 3)))
    assert [sum(isinstance(m, STDCModule) for m in net.modules()) for net in (one, two)] == [6, 12]


@pytest.mark.parametrize("stride", [1, 2])
def test_a_module_joins_all_its_convolutions(stride):
    module = STDCModule(8, 32, stride=stride).eval()
    x = torch.randn(1, 8, 8, 12)
    y, first = module(x), module.first(x)
    assert y.shape == (1, 32, 8 // stride, 12 // stride)
    torch.testing.assert_close(y[:, :16], first if stride == 1 else torch.nn.functional.avg_pool2d(first, 3, 2, 1))


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"channels=\[8, 16, 24, 32, 50\]: expected five numbers, the last three multiples of 8"):
        STDC(IMAGE, channels=(8, 16, 24, 32, 50))
    with pytest.raises(ValueError, match=r"layers=\[2, 0, 2\]: expected three numbers above 0"):
        STDC(IMAGE, channels=CHANNELS, layers=(2, 0, 2))
