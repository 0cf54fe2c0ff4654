import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from mtzoo.errors import UserError
from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.fixed_point import EXACT_LIMIT
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map, logit_exponent


def decoder(upsample, exponent=None):
    return LabelMapDecoder(upsample, stride=16, logit_exponent=exponent)


def exact_label_map(logits, upsample):
    """In float64, which rounds none of the sums."""
    return F.interpolate(logits.double(), scale_factor=upsample, mode="bilinear").argmax(1)


def test_argmax_takes_the_lowest_among_equals():
    logits = torch.tensor([[[[1.0, 0.0, 2.0]], [[1.0, 3.0, 2.0]], [[0.0, 3.0, 2.5]]]])  # (1, 3, 1, 3)
    labels = label_map(logits, decoder(1))
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize("upsample", FACTORS)
def test_size_follows_the_upsampling(upsample):
    assert label_map(torch.zeros(2, 3, 5, 7), decoder(upsample)).shape == (2, 5 * upsample, 7 * upsample)


@pytest.mark.parametrize("upsample", [2, 4, 8, 16])
def test_integers_at_the_limit_are_enlarged_without_rounding(upsample):
    """And beyond it they are not: the limit is where it has to be."""
    limit = EXACT_LIMIT >> bilinear_bits(upsample)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-limit, limit + 1, (1, 6, 33, 41), generator=generator).float()
    fine, exact = (F.interpolate(x, scale_factor=upsample, mode="bilinear") for x in (logits, logits.double()))
    assert torch.equal(fine.double(), exact)
    assert torch.equal(label_map(logits, decoder(upsample)).long(), exact_label_map(logits, upsample))
    beyond = torch.randint(-4 * limit, 4 * limit + 1, (1, 6, 33, 41), generator=generator).float()
    fine, exact = (F.interpolate(x, scale_factor=upsample, mode="bilinear") for x in (beyond, beyond.double()))
    assert not torch.equal(fine.double(), exact)


@given(upsample=st.sampled_from(FACTORS), data=st.data())
def test_the_grid_is_the_finest_that_fits(upsample, data):
    channels = data.draw(st.integers(1, 4))
    largest = torch.tensor(data.draw(st.lists(st.integers(0, EXACT_LIMIT), min_size=channels, max_size=channels)), dtype=torch.float64)
    exponent = torch.tensor(data.draw(st.lists(st.integers(-30, 8), min_size=channels, max_size=channels)), dtype=torch.int32)
    room = EXACT_LIMIT >> bilinear_bits(upsample)
    found = logit_exponent(largest, exponent, upsample)
    if largest.max() <= room:
        assert found is None
        return
    values = largest * torch.exp2(exponent.double())
    assert float(values.max()) <= room * 2.0**found
    assert float(values.max()) > room * 2.0 ** (found - 1)
    assert torch.round(values * 2.0**-found).max() <= room


@pytest.mark.parametrize("upsample", [2, 4, 8, 16])
def test_sums_of_24_bits_are_rounded_half_to_even_first(upsample):
    exponents = torch.tensor([-12, -11, -14], dtype=torch.int32)
    integers = torch.randint(-EXACT_LIMIT, EXACT_LIMIT + 1, (1, 3, 17, 19), generator=torch.Generator().manual_seed(0))
    logits = integers.float() * torch.exp2(exponents.float()).view(-1, 1, 1)
    found = logit_exponent(torch.full((3,), float(EXACT_LIMIT)), exponents, upsample)
    assert found == -11 + bilinear_bits(upsample)
    rounded = torch.round(logits.double() * 2.0**-found)
    assert torch.equal(label_map(logits, decoder(upsample, found)).long(), exact_label_map(rounded, upsample))


def test_halves_go_to_the_even_neighbour():
    logits = torch.tensor([2.5, 3.5, 2.0, 4.0]).view(1, 4, 1, 1)
    assert label_map(logits, decoder(1, 0)).item() == 1  # 2, 4, 2, 4: the lowest of the two 4


def test_one_grid_of_8_bits_is_never_rounded():
    assert logit_exponent(torch.tensor(128.0), torch.tensor(-3), 16) is None


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
