"""A float network teaches its own integers, with images and no labels."""

import copy

import pytest
import torch

import mtzoo
from mtzoo.errors import UserError
from mtzoo.foreign.distil import difference, distil
from mtzoo.foreign.network import PixelBatches
from tests.foreign.test_network import HW, MEAN, STD, Slopes, pictures


def test_integers_of_few_bits_come_closer_to_what_the_float_network_says():
    torch.manual_seed(0)
    source = mtzoo.from_torch(Slopes(), torch.zeros(1, 3, *HW), mean=MEAN, std=STD)
    pixels = torch.stack([torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1) for image in pictures(8)])
    before, after = (source.quantize([pixels[:4], pixels[4:]], weight_bits=4, distil_iterations=n, learning_rate=3e-3) for n in (0, 60))
    x = PixelBatches([pixels])[0]
    with torch.no_grad():
        wanted = source.folded(x)
        errors = [float(difference(quantized.net(x), wanted)) for quantized in (before, after)]
        assert errors[1] < 0.6 * errors[0]
        assert all(torch.equal(value, after.integers(pixels)["net"][name]) for name, value in after.net(x)["net"].items())


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_learning_rate_that_is_none_is_told(rate):
    with pytest.raises(UserError, match="learning rate .*: a number above 0 is wanted"):
        distil(torch.nn.Identity(), torch.nn.Identity(), [], 1, rate)


def test_a_training_that_diverges_is_told():
    source = mtzoo.from_torch(Slopes(), torch.zeros(1, 3, *HW), mean=MEAN, std=STD)
    net = copy.deepcopy(source.folded)
    with pytest.raises(UserError, match="diverged at iteration 0; use a smaller learning rate"):
        distil(net, source.folded, [torch.full((1, 3, *HW), float("nan"))], 3, 0.1)
