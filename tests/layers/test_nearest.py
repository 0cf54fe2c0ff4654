import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.layers import Concat, ImageQuant, UpsampleNearest, normalize_image


def test_every_pixel_value_normalises_exactly_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256)
    x = normalize_image(pixels)
    assert x.dtype == torch.float32
    assert x.min() == -1.0
    assert x.max() == 127 / 128
    assert torch.equal(x * 2.0**-ImageQuant.exponent + 128, pixels.float())
    assert torch.equal(ImageQuant()(x), x)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_upsampling_repeats(channels, height, width):
    x = torch.randn(2, channels, height, width)
    assert torch.equal(UpsampleNearest()(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_concat_joins_channels_in_order():
    a, b = torch.zeros(1, 2, 3, 3), torch.ones(1, 1, 3, 3)
    assert Concat()(a, b)[0, :, 0, 0].tolist() == [0, 0, 1]
