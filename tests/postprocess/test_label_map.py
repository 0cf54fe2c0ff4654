import pytest
import torch

from mtzoo.errors import UserError
from mtzoo.postprocess.label_map import LabelMapDecoder, label_map


def test_argmax_takes_the_lowest_among_equals():
    logits = torch.tensor([[[[1.0, 0.0, 2.0]], [[1.0, 3.0, 2.0]], [[0.0, 3.0, 2.5]]]])  # (1, 3, 1, 3)
    labels = label_map(logits, 1)
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_size_follows_the_upsampling(upsample):
    assert label_map(torch.zeros(2, 3, 5, 7), upsample).shape == (2, 5 * upsample, 7 * upsample)


@pytest.mark.parametrize("upsample", [2, 4])
def test_integer_logits_are_enlarged_without_rounding(upsample):
    logits = torch.randint(-(2 ** 15), 2 ** 15, (1, 6, 9, 11), generator=torch.Generator().manual_seed(0)).float()
    exact = torch.nn.functional.interpolate(logits.double(), scale_factor=upsample, mode="bilinear").argmax(1)
    assert torch.equal(label_map(logits, upsample).long(), exact)


def test_map_stride():
    assert [LabelMapDecoder(upsample=u).map_stride for u in (1, 2, 4)] == [4, 2, 1]


@pytest.mark.parametrize("wrong", [{"upsample": 3}, {"upsample": 4, "stride": 2}])
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(UserError, match="upsample"):
        LabelMapDecoder(**wrong)
