import cv2
import numpy as np
import pytest
import torch

from mtzoo.engine.calibration import BATCH, Batches, calibration_images, even_shares, is_one_colour
from mtzoo.errors import UserError
from tests.tiny import HW, tiny_config, write_images


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path / "data")


def test_images_are_whole_seeded_and_each_once(root):
    config = tiny_config(root)
    images = calibration_images(config, 6)
    assert images.shape == (6, 3, *HW)
    assert images.dtype == torch.uint8
    files = [torch.from_numpy(cv2.imread(str(root / "images" / f"{i}.png"))).permute(2, 0, 1) for i in range(6)]
    assert sorted(next(i for i, f in enumerate(files) if torch.equal(f, image)) for image in images) == list(range(6))
    assert torch.equal(calibration_images(config, 4), calibration_images(config, 4))
    assert len(calibration_images(config)) == 6, "64, or all that there are"
    others = [calibration_images(tiny_config(root, env={"default_ctx": "cpu", "seed": seed}), 3) for seed in range(1, 6)]
    assert any(not torch.equal(calibration_images(config, 3), other) for other in others)


def test_the_deploy_geometry_shows_them(root):
    geometry = {"resized_hw": [32, 48], "drop_top": 0, "input_hw": [32, 64]}
    shape = {"image": [1, 3, 32, 64], "im_hw": [1, 2]}
    images = calibration_images(tiny_config(root, deploy_geometry=geometry, int_inference_export_input_shape=shape), 2)
    assert images.shape == (2, 3, 32, 64)
    assert (images[:, :, :, 48:] == images[0, 0, 0, 48]).all()  # padding on the right
    assert not (images[:, :, :, :48] == images[0, 0, 0, 48]).all()


@pytest.mark.parametrize(("count", "message"), [(0, "give at least 1"), (7, "have 6 images; ask for 6 at most")])
def test_a_count_that_cannot_be(root, count, message):
    with pytest.raises(UserError, match=message):
        calibration_images(tiny_config(root), count)


def test_images_of_one_colour_show_nothing_but_one_that_shows_something_is_enough(root):
    for i in range(5):
        cv2.imwrite(str(root / "images" / f"{i}.png"), np.full((*HW, 3), 40 * i, np.uint8))
    assert len(calibration_images(tiny_config(root), 6)) == 6
    cv2.imwrite(str(root / "images" / "5.png"), np.zeros((*HW, 3), np.uint8))
    with pytest.raises(UserError, match="the calibration set shows nothing"):
        calibration_images(tiny_config(root), 6)


def test_an_unreadable_image_is_replaced_until_too_few_are_left(root):
    (root / "images" / "2.png").write_bytes(b"broken")
    assert len(calibration_images(tiny_config(root), 5)) == 5
    with pytest.raises(UserError, match=r"2\.png.*only 5 images"):
        calibration_images(tiny_config(root), 6)


def test_shares_are_even_and_small_folders_give_what_they_have():
    assert even_shares([100, 100, 100], 10) == [4, 3, 3]
    assert even_shares([2, 100, 5], 20) == [2, 13, 5]
    assert even_shares([1, 1], 2) == [1, 1]


def test_one_colour_allows_for_noise_but_not_for_a_second_colour():
    image = np.full((8, 8, 3), 30, np.uint8)
    image[0] += 5
    assert is_one_colour(image)
    image[1, 1, 2] = 60
    assert not is_one_colour(image)


def test_batches_are_normalised_and_hold_all():
    images = torch.full((BATCH + 1, 3, 4, 4), 128, dtype=torch.uint8)
    assert [len(batch) for batch in Batches(images)] == [BATCH, 1]
    assert len(Batches(images)) == 2
    assert float(Batches(images)[0].abs().max()) == 0
