import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtzoo.layers import UpsampleNearest


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_upsampling_repeats(channels, height, width):
    x = torch.randn(2, channels, height, width)
    assert torch.equal(UpsampleNearest()(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
