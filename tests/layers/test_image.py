import torch

from mtzoo.layers import ImageQuant, normalize_image


def test_every_pixel_value_normalises_exactly_and_back():
    pixels = torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256)
    x = normalize_image(pixels)
    assert x.dtype == torch.float32
    assert x.min() == -1.0
    assert x.max() == 127 / 128
    assert torch.equal(x * 2.0**-ImageQuant.exponent + 128, pixels.float())
    assert torch.equal(ImageQuant()(x), x)
