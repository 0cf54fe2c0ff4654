import cv2
import numpy as np
import pytest

from mtzoo.data.photometric import Photometric
from mtzoo.errors import UserError

OFF = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "gamma": 0, "grey_prob": 0, "blur_prob": 0, "noise_prob": 0}


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


def recolored(image, seed, **changes):
    shown = image.copy()
    Photometric(**{"prob": 1.0, **OFF, **changes}).apply(shown, np.random.default_rng(seed))
    return shown


def test_all_off_changes_nothing(image):
    np.testing.assert_array_equal(recolored(image, 0), image)
    np.testing.assert_array_equal(recolored(image, 0, prob=0, brightness=1, noise_prob=1), image)


def test_grey_has_equal_channels(image):
    shown = recolored(image, 0, grey_prob=1).astype(int)
    luma = image @ [0.114, 0.587, 0.299]
    assert np.abs(shown - luma[..., None]).max() <= 2


@pytest.mark.parametrize("change", [{"brightness": 0.3}, {"contrast": 0.3}, {"saturation": 0.5}, {"hue": 0.1}, {"gamma": 0.5},
                                    {"blur_prob": 1.0}, {"noise_prob": 1.0}])
def test_each_change_changes_within_bounds(image, change):
    shown = recolored(image, 1, **change)
    assert shown.dtype == np.uint8
    assert shown.shape == image.shape
    assert (shown != image).any()
    assert abs(float(shown.mean()) - float(image.mean())) < 50


def test_noise_has_no_bias():
    grey = np.full((200, 200, 3), 100, np.uint8)
    shown = recolored(grey, 3, noise_prob=1.0, noise=8)
    assert abs(shown.mean() - 100) < 0.2
    assert 1 <= np.abs(shown.astype(int) - 100).max() <= 8


def test_hue_keeps_greys_grey():
    grey = np.full((4, 4, 3), 90, np.uint8)
    shown = recolored(grey, 0, hue=0.2, saturation=0.5).astype(int)
    assert np.abs(shown - 90).max() <= 1


@pytest.mark.parametrize("hw", [(32, 48), (512, 960)])
def test_same_draw_same_picture_in_place(hw):
    """Whatever is on, no change reads pixels that it has already written: in strips, all but the blur give the same."""
    image = np.random.default_rng(0).integers(0, 256, (*hw, 3), dtype=np.uint8)
    first, second = (recolored(image, 5, brightness=0.2, hue=0.1, gamma=0.3, blur_prob=1.0, noise_prob=1.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    whole, strips = recolored(image, 5, brightness=0.2, hue=0.1, gamma=0.3), image.copy()
    for y in range(0, hw[0], 8):
        strips[y:y + 8] = recolored(image[y:y + 8], 5, brightness=0.2, hue=0.1, gamma=0.3)
    np.testing.assert_array_equal(whole, strips)


def test_blur_in_place_is_blur(image):
    blurs = [cv2.GaussianBlur(image, (side, side), 0) for side in (3, 5)]
    shown = [recolored(image, seed, blur_prob=1.0) for seed in range(8)]
    assert {next(i for i, blur in enumerate(blurs) if (blur == each).all()) for each in shown} == {0, 1}


def test_bad_settings_are_told():
    with pytest.raises(UserError, match="hue=2"):
        Photometric(hue=2)
    with pytest.raises(UserError, match="noise=200"):
        Photometric(noise=200)


def test_a_flat_picture_gets_contrast_and_a_compressed_one_noise():
    rows = np.repeat(np.linspace(100, 120, 64, dtype=np.uint8)[:, None], 96, axis=1)
    flat = np.stack([rows] * 3, axis=2)
    equalized = recolored(flat, 0, clahe_prob=1.0, clahe=10.0)
    assert int(equalized.max()) - int(equalized.min()) > 2 * (int(flat.max()) - int(flat.min()))
    assert np.ptp(equalized.astype(int), axis=2).max() <= 2  # grey stays grey
    noisy = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    errors = [np.abs(recolored(noisy, 0, jpeg_prob=1.0, jpeg=(quality, quality)).astype(int) - noisy).mean() for quality in (20, 95)]
    assert errors[0] > errors[1] > 0
