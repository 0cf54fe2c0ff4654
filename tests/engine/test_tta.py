import pytest
import torch
import torch.nn.functional as F

from mtzoo.engine.tta import TestTimeAugmentation, augmented_executor, resized
from mtzoo.errors import UserError


def lopsided(images):
    """Each class's logit is a channel's mean over a cell of 4x4 pixels, and column 0 of the map is always class 0; one box map."""
    logits = F.avg_pool2d(images.float(), 4) / 32
    logits[..., 0] = torch.tensor([9.0, 0.0, 0.0])[None, :, None]
    return {"seg": {"logits": logits}, "det": {"box_s8": images.float().mean(dim=(2, 3), keepdim=True)}}


def image(seed=0, hw=(32, 64)):
    return torch.randint(0, 256, (2, 3, *hw), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_a_mirrored_view_is_turned_back_and_averaged():
    images = image()
    found = augmented_executor(lopsided, TestTimeAugmentation(True), ["seg"], 8)(images)
    plain, mirrored = lopsided(images), lopsided(images.flip(3))
    mean = (plain["seg"]["logits"].softmax(1) + mirrored["seg"]["logits"].flip(3).softmax(1)) / 2
    torch.testing.assert_close(found["seg"]["logits"].exp(), mean)
    assert torch.equal(found["det"]["box_s8"], plain["det"]["box_s8"])
    of_mirror = augmented_executor(lopsided, TestTimeAugmentation(True), ["seg"], 8)(images.flip(3))
    torch.testing.assert_close(of_mirror["seg"]["logits"].flip(3), found["seg"]["logits"])  # which way round makes no difference


def test_other_sizes_are_brought_back_to_the_map_of_the_own():
    flat = torch.full((1, 3, 32, 64), 0, dtype=torch.uint8)
    flat[:, 1, :, 32:] = 200  # right half: class 1
    sizes = []

    def execute(images):
        sizes.append(tuple(images.shape[2:]))
        return lopsided(images)

    found = augmented_executor(execute, TestTimeAugmentation(True, (0.5, 1.4)), ["seg"], 8)(flat)
    assert sizes == [(32, 64), (32, 64), (16, 32), (16, 32), (48, 88), (48, 88)]
    labels = found["seg"]["logits"].argmax(1)
    assert labels.shape == (1, 8, 16)
    assert (labels[:, :, 9:15] == 1).all()


def test_a_size_is_a_multiple_of_the_stride():
    assert resized(image(hw=(32, 64)), 0.6, 16).shape == (2, 3, 16, 32)
    assert resized(image(hw=(32, 64)), 0.01, 16).shape == (2, 3, 16, 16)
    flat = torch.full((1, 3, 48, 48), 7, dtype=torch.uint8)
    assert torch.equal(resized(flat[..., :32, :32], 1.5, 16), flat)


def test_what_is_given_is_read():
    assert TestTimeAugmentation.parse(["flip", "0.75", "1.25"]) == TestTimeAugmentation(True, (0.75, 1.25))
    assert TestTimeAugmentation.parse(["2"]) == TestTimeAugmentation(False, (2.0,))
    for word in ("flipp", "1", "0", "nan", "9"):
        with pytest.raises(UserError, match=f"^--tta {word}: "):
            TestTimeAugmentation.parse([word])
