"""A float network teaches its own integers, with images and no labels."""

import copy

import pytest
import torch
from torch import nn

import mtzoo
from mtzoo.errors import UserError
from mtzoo.foreign.distil import difference, distil, share_of_rate
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


def test_soft_labels_compare_classes_and_no_offset_of_all():
    torch.manual_seed(0)
    wanted = torch.randn(2, 5, 3, 4)
    cases = [wanted, wanted + 1, wanted.flip(1)]
    plain, soft = ([float(difference({"t": {"m": x}}, {"t": {"m": wanted}}, soft_labels=way)) for x in cases] for way in (False, True))
    assert plain[0] == soft[0] == 0
    assert soft[1] == pytest.approx(plain[1], rel=1e-4)
    assert soft[2] > plain[2] + 0.5


def test_soft_labels_of_a_network_without_classes_are_told():
    x = torch.zeros(1, 1, 3, 4)
    with pytest.raises(UserError, match="soft labels need an output of several channels"):
        difference({"t": {"m": x}}, {"t": {"m": x}}, soft_labels=True)


class OneTask(nn.Module):
    """A network's map as that of a task."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x):
        return {"task": {"maps": self.net(x)}}


def test_factors_of_layers_do_not_change_what_is_learnt():
    """Equalization gives any: an output is multiplied by 64, and what reads it divided."""
    torch.manual_seed(0)
    teacher, student = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1)) for _ in range(2))
    factored = copy.deepcopy(student)
    with torch.no_grad():
        factored[0].weight *= 64
        factored[0].bias *= 64
        factored[2].weight /= 64
    x = torch.randn(2, 3, 8, 8)
    before = student(x).detach()
    for net in (student, factored):
        distil(OneTask(net), OneTask(teacher), [x], 20, 1e-2)
    with torch.no_grad():
        assert torch.allclose(student(x), factored(x), atol=1e-4)
        assert not torch.allclose(student(x), before, atol=1e-2)


def test_the_rate_rises_over_a_tenth_of_the_iterations_and_falls_to_nothing():
    shares = [share_of_rate(done, 100) for done in range(100)]
    assert shares[0] == pytest.approx(1 / 11)
    assert max(shares) == shares[10] == pytest.approx(0.9755, abs=1e-4)
    assert shares[50] == pytest.approx(0.5)
    assert shares[99] < 0.001


@pytest.mark.parametrize("rate", [0.0, -1e-4, float("nan"), float("inf")])
def test_a_learning_rate_that_is_none_is_told(rate):
    with pytest.raises(UserError, match="learning rate .*: expected a number above 0"):
        distil(torch.nn.Identity(), torch.nn.Identity(), [], 1, rate)


def test_a_training_that_diverges_is_told():
    source = mtzoo.from_torch(Slopes(), torch.zeros(1, 3, *HW), mean=MEAN, std=STD)
    net = copy.deepcopy(source.folded)
    with pytest.raises(UserError, match="diverged at iteration 0; use a smaller learning rate"):
        distil(net, source.folded, [torch.full((1, 3, *HW), float("nan"))], 3, 0.1)
