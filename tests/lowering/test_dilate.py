import pytest
import torch
from torch import nn

from mtzoo.errors import UserError
from mtzoo.lowering import lower
from tests.lowering.parity import trained


class Strided(nn.Module):
    """Strides 2, 4 and 8 by a convolution, a pool (maximum or mean) and a convolution with padding behind only."""

    def __init__(self, pool):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.pool = pool
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.conv = nn.Conv2d(4, 4, 3, 2)
        self.last = nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, padding=1))

    def forward(self, x):
        return self.last(self.conv(self.pad(self.pool(self.stem(x)))))


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, 2), nn.AvgPool2d(2, 2, ceil_mode=True)])
def test_kept_cells_have_the_value_that_they_had(pool, stride):
    module = trained(Strided(pool))
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        wanted, got = module(x), lower(module, output_stride=stride)(x)
    assert got.shape[2:] == (64 // stride, 96 // stride)
    torch.testing.assert_close(got[:, :, ::8 // stride, ::8 // stride], wanted, rtol=1e-4, atol=1e-5)


def test_an_output_stride_that_cannot_be_is_one_line():
    module = Strided(nn.MaxPool2d(2))
    with pytest.raises(UserError, match="output_stride=16: the coarsest map has stride 8; use a power of two up to it"):
        lower(module, output_stride=16)
    with pytest.raises(UserError, match="module 'pool': output_stride would need an average pool with holes whose windows differ"):
        lower(Strided(nn.AvgPool2d(3, 2, 1, count_include_pad=False)), output_stride=2)

    class Enlarged(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(3, 3, 2, 2), nn.Upsample(scale_factor=2)

        def forward(self, x):
            return x + self.up(self.down(x))

    with pytest.raises(UserError, match="output_stride=1: module 'up' enlarges a map whose stride would change"):
        lower(Enlarged(), output_stride=1)
