import pytest
import torch

from mtzoo.layers import ChannelMax, ChannelMean
from tests.layers.alone import both_ways, grid, steps


@pytest.mark.parametrize("channels", [1, 3, 32, 100])
@pytest.mark.parametrize("signed", [False, True])
def test_mean_and_largest_of_all_channels(channels: int, signed: bool) -> None:
    source = grid(-4, signed)
    x = steps((2, channels, 5, 7), source)
    floats = x.float() * source.scale.float()
    torch.testing.assert_close(ChannelMean()(floats), floats.mean(1, keepdim=True), rtol=1e-5, atol=1e-6)
    assert torch.equal(ChannelMax()(floats), floats.max(1, keepdim=True).values)
    assert (both_ways(ChannelMean(), [x], [source], source) - x.double().mean(1, keepdim=True)).abs().max() < 1
    assert torch.equal(ChannelMax().integer([x], [source], source), x.max(1, keepdim=True).values)


@pytest.mark.parametrize("leaf", [ChannelMean(), ChannelMax()])
def test_pruning_leaves_what_they_read_alone(leaf: ChannelMean | ChannelMax) -> None:
    assert leaf.channels([["a", "b"]], "fixed") == ["fixed"]
    assert list(leaf.ties([["a", "b"]], "fixed")) == [("a", "fixed"), ("b", "fixed")]
