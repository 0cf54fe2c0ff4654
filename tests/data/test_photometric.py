import numpy as np
import pytest

from mtzoo.data.photometric import Photometric
from mtzoo.errors import UserError

OFF = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "gamma": 0, "grey_prob": 0, "blur_prob": 0, "noise_prob": 0}


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def test_all_off_changes_nothing(image):
    np.testing.assert_array_equal(Photometric(prob=1.0, **OFF).apply(image, np.random.default_rng(0)), image)
    assert Photometric(prob=0).apply(image, np.random.default_rng(0)) is image


def test_grey_has_equal_channels(image):
    shown = Photometric(prob=1.0, **{**OFF, "grey_prob": 1}).apply(image, np.random.default_rng(0)).astype(int)
    luma = image @ [0.114, 0.587, 0.299]
    assert np.abs(shown - luma[..., None]).max() <= 2


@pytest.mark.parametrize("change", [{"brightness": 0.3}, {"contrast": 0.3}, {"saturation": 0.5}, {"hue": 0.1}, {"gamma": 0.5},
                                    {"blur_prob": 1.0}, {"noise_prob": 1.0}])
def test_each_change_changes_within_bounds(image, change):
    shown = Photometric(prob=1.0, **{**OFF, **change}).apply(image, np.random.default_rng(1))
    assert shown.dtype == np.uint8
    assert shown.shape == image.shape
    assert (shown != image).any()
    assert abs(float(shown.mean()) - float(image.mean())) < 50


def test_noise_has_no_bias():
    grey = np.full((200, 200, 3), 100, np.uint8)
    shown = Photometric(prob=1.0, **{**OFF, "noise_prob": 1.0}, noise=8).apply(grey, np.random.default_rng(3))
    assert abs(shown.mean() - 100) < 0.2
    assert 1 <= np.abs(shown.astype(int) - 100).max() <= 8


def test_hue_keeps_greys_grey():
    grey = np.full((4, 4, 3), 90, np.uint8)
    shown = Photometric(prob=1.0, **{**OFF, "hue": 0.2, "saturation": 0.5}).apply(grey, np.random.default_rng(0)).astype(int)
    assert np.abs(shown - 90).max() <= 1


def test_same_draw_same_picture_and_the_input_is_not_touched(image):
    before = image.copy()
    image.flags.writeable = False
    first, second = (Photometric(prob=1.0).apply(image, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(image, before)


def test_bad_settings_are_told():
    with pytest.raises(UserError, match="hue=2"):
        Photometric(hue=2)
    with pytest.raises(UserError, match="noise=200"):
        Photometric(noise=200)
