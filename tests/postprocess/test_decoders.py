import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtzoo.errors import UserError
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.postprocess.decoders import BoxDecoder, LabelMapDecoder, logit_exponent


def test_the_threshold_of_logits_is_that_of_scores():
    assert BoxDecoder(score_threshold=0.5).logit_threshold == 0
    threshold = BoxDecoder(score_threshold=0.05).logit_threshold
    assert np.float32(threshold) == threshold
    assert 1 / (1 + math.exp(-threshold)) == pytest.approx(0.05, rel=1e-7)


@given(upsample=st.sampled_from(FACTORS), data=st.data())
def test_the_grid_is_the_finest_that_fits(upsample, data):
    channels = data.draw(st.integers(1, 4))
    largest = np.array(data.draw(st.lists(st.integers(0, EXACT_LIMIT), min_size=channels, max_size=channels)))
    exponent = np.array(data.draw(st.lists(st.integers(-30, 8), min_size=channels, max_size=channels)))
    room = EXACT_LIMIT >> bilinear_bits(upsample)
    found = logit_exponent(largest, exponent, upsample)
    if largest.max() <= room:
        assert found is None
        return
    values = np.ldexp(largest.astype(np.float64), exponent)
    assert values.max() <= room * 2.0**found
    assert values.max() > room * 2.0 ** (found - 1)
    assert np.round(values * 2.0**-found).max() <= room


def test_one_grid_of_8_bits_is_never_rounded():
    assert logit_exponent(np.array(128), np.array(-3), 16) is None


def test_map_stride():
    assert [LabelMapDecoder(upsample=u).map_stride for u in (1, 2, 4)] == [4, 2, 1]
    assert LabelMapDecoder(upsample=8, stride=8).map_stride == 1


@pytest.mark.parametrize("wrong", [{"upsample": 3}, {"upsample": 32, "stride": 32}, {"upsample": 4, "stride": 2}])
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(UserError, match="upsample"):
        LabelMapDecoder(**wrong)


def test_exponents_beyond_float32_are_refused():
    with pytest.raises(UserError, match="logit_exponent=100000: "):
        LabelMapDecoder(logit_exponent=100_000)
