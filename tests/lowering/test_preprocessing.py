import pytest
import torch
from torch import nn

from mtzoo.errors import UserError
from mtzoo.layers import normalize_image
from mtzoo.lowering import lower
from mtzoo.lowering.preprocessing import IMAGENET, Preprocessing, fold_preprocessing
from tests.lowering.parity import trained


@pytest.mark.parametrize("bn", [True, False])
@pytest.mark.parametrize("reads", [IMAGENET, Preprocessing((0.5, 0.4, 0.3), (0.1, 0.2, 0.3), is_rgb=False)])
def test_bgr_from_128_gives_what_the_published_input_gave_but_at_the_padded_border(bn, reads):
    torch.manual_seed(0)
    module = trained(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=not bn), *[nn.BatchNorm2d(8)] * bn, nn.ReLU6()))
    net = lower(module)
    fold_preprocessing(net, reads)
    image = torch.randint(0, 256, (2, 3, 32, 48), dtype=torch.uint8)  # BGR
    given = image.flip(1) if reads.is_rgb else image
    published = (given / 255 - torch.tensor(reads.mean)[:, None, None]) / torch.tensor(reads.std)[:, None, None]
    with torch.no_grad():
        difference = (net(normalize_image(image)) - module(published)).abs()
    assert difference[:, :, 1:, 1:].max() < 1e-5
    assert difference[:, :, 0].max() > 1e-2  # zeros of the padding are the mean colour there, grey here: docs/backbones.md


@pytest.mark.parametrize("first", [nn.MaxPool2d(2), nn.Conv2d(3, 3, 3, groups=3)])
def test_an_image_that_anything_else_reads_first_is_refused(first):
    net = lower(nn.Sequential(first, nn.Conv2d(3, 4, 1)))
    with pytest.raises(UserError, match="module '0' reads the image and is not a convolution of 3 channels"):
        fold_preprocessing(net, IMAGENET)
