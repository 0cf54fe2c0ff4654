import torch

from mtzoo.layers import Concat


def test_concat_joins_channels_in_order():
    a, b = torch.zeros(1, 2, 3, 3), torch.ones(1, 1, 3, 3)
    assert Concat()(a, b)[0, :, 0, 0].tolist() == [0, 0, 1]
