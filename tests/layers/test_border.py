"""Constant cells around a map: floats, integers and ONNX."""

import pytest
import torch

from mtzoo.layers import Border
from mtzoo.layers.image import IMAGE_GRID


@pytest.mark.parametrize("values", [(-1.0, 0.25, 127 / 128), (0.5, 0.5, 0.5)])
def test_each_channel_has_its_own_value_around_it(values):
    border, x = Border((1, 0, 2, 3), values), torch.randint(-128, 128, (2, 3, 4, 5), dtype=torch.int8)
    y = border(x.float() / 128)
    assert y.shape == (2, 3, 7, 8)
    assert (y[:, :, 1:5, :5] == x.float() / 128).all()
    for channel, value in enumerate(values):
        outside = torch.cat([y[:, channel, :1].flatten(), y[:, channel, 5:].flatten(), y[:, channel, :, 5:].flatten()])
        assert (outside == value).all()
    integers = border.integer([x], [IMAGE_GRID], IMAGE_GRID)
    assert integers.dtype == torch.int8
    assert (integers.float() / 128 == y).all()


def test_values_for_another_number_of_channels():
    with pytest.raises(ValueError, match="2 values for 3 channels"):
        Border(1, (0.0, 0.0))(torch.zeros(1, 3, 4, 4))
