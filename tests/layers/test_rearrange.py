import pytest
import torch
from torch.nn import functional as F

from mtzoo.layers import Chunk, PixelShuffle, Shuffle, Slice, ZeroInsert

X = torch.arange(2 * 8 * 3 * 5, dtype=torch.float32).view(2, 8, 3, 5)


def test_chunks_are_those_of_torch() -> None:
    for index, part in enumerate(X.chunk(4, 1)):
        assert torch.equal(Chunk(4, index)(X), part)


def test_shuffle_takes_one_of_every_group_in_turn() -> None:
    assert Shuffle(2)(X)[0, :, 0, 0].div(15).tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert torch.equal(Shuffle(4)(X), nn_shuffle(X, 4))


def nn_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    return torch.nn.ChannelShuffle(groups)(x)


def test_pixel_shuffle_is_that_of_torch() -> None:
    assert torch.equal(PixelShuffle(2)(X), F.pixel_shuffle(X, 2))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (4, 2, 1), (3, 3, 0)])
def test_zeros_and_a_turned_convolution_are_a_transposed_one(kernel: int, stride: int, padding: int) -> None:
    weight = torch.randn(8, 6, kernel, kernel, generator=torch.Generator().manual_seed(0))
    turned = weight.flip(2, 3).transpose(0, 1)
    found = F.conv2d(ZeroInsert(stride)(X), turned, padding=kernel - 1 - padding)
    torch.testing.assert_close(found, F.conv_transpose2d(X, weight, stride=stride, padding=padding), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Chunk(2, 2), "part 2 of 2"), (lambda: Chunk(3, 0)(X), "8 channels do not divide into 3"),
    (lambda: Slice(4, 4), "channels 4 to 4"),
    (lambda: Slice(4, 9)(X), "4 to 9 of 8"), (lambda: Shuffle(0), "groups=0"), (lambda: Shuffle(3).order(8), "into 3 groups"),
    (lambda: PixelShuffle(0), "factor=0"), (lambda: ZeroInsert(0), "stride=0")])
def test_what_does_not_fit_is_told(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
