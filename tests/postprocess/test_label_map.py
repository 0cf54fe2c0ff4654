import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtzoo.ops.bilinear import FACTORS, bilinear_bits
from mtzoo.ops.exact import EXACT_LIMIT
from mtzoo.postprocess.decoders import LabelMapDecoder, logit_exponent
from mtzoo.postprocess.label_map import label_map


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


@pytest.mark.parametrize("upsample", [2, 4, 8, 16])
def test_sums_of_24_bits_are_rounded_half_to_even_first(upsample):
    exponents = torch.tensor([-12, -11, -14], dtype=torch.int32)
    integers = torch.randint(-EXACT_LIMIT, EXACT_LIMIT + 1, (1, 3, 17, 19), generator=torch.Generator().manual_seed(0))
    logits = integers.float() * torch.exp2(exponents.float()).view(-1, 1, 1)
    found = logit_exponent(np.full(3, EXACT_LIMIT), exponents.numpy(), upsample)
    assert found == -11 + bilinear_bits(upsample)
    rounded = torch.round(logits.double() * 2.0**-found)
    assert torch.equal(label_map(logits, decoder(upsample, found)).long(), exact_label_map(rounded, upsample))


def test_halves_go_to_the_even_neighbour():
    logits = torch.tensor([2.5, 3.5, 2.0, 4.0]).view(1, 4, 1, 1)
    assert label_map(logits, decoder(1, 0)).item() == 1  # 2, 4, 2, 4: the lowest of the two 4
