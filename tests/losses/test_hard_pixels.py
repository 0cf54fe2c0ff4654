import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mtzoo.errors import UserError
from mtzoo.losses.hard_pixels import HardPixels, choose_hard_pixels, hard_pixels
from mtzoo.losses.segmentation import SegmentationLoss
from mtzoo.structures import IGNORE
from tests.losses.test_segmentation import TASK, K, batch_of, random_case

WEIGHTS = [1.0, 2.0, 0.5, 3.0]


def cross_entropy_of(logits, masks, **keys):
    loss = SegmentationLoss(num_classes=K, lovasz_weight=0.0, logit_upsample="full", **keys)
    return loss({"logits": logits}, batch_of(masks), TASK)["loss_ce"]


def pixels_of(logits, masks):
    """[image] -> [(probability of its class, class) of each labelled pixel], in float64."""
    enlarged = F.interpolate(logits.detach(), masks.shape[-2:], mode="bilinear").double().softmax(1).numpy()
    return [[(float(enlarged[n, label, y, x]), int(label)) for (y, x), label in np.ndenumerate(mask) if label != IGNORE]
            for n, mask in enumerate(masks.numpy())]


def mean_loss(pixels, weights=(1.0,) * K):
    return sum(-math.log(p) * weights[k] for p, k in pixels) / sum(weights[k] for _, k in pixels)


@pytest.mark.parametrize(("thresh", "min_kept"), [(0.3, 10), (0.05, 200), (0.05, 1 / 16), (0.7, 10**6), (0.999, 1)])
def test_by_probability_is_the_published_ohem(thresh, min_kept):
    logits, masks = random_case()
    pixels = sorted(sum(pixels_of(2 * logits, masks), []))  # the least probable first
    least = min(len(pixels), min_kept if isinstance(min_kept, int) else int(len(pixels) * min_kept))
    bound = max(thresh, pixels[least - 1][0])
    expected = mean_loss([pixel for pixel in pixels if pixel[0] <= bound])
    assert cross_entropy_of(2 * logits, masks, ohem_thresh=thresh, min_kept=min_kept).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("loss_th", "min_kept"), [(0.3, 16), (2.0, 300), (2.5, 0.25), (0.0, 1)])
def test_bootstrapping_is_the_published_one_image_by_image(loss_th, min_kept):
    logits, masks = random_case(images=3)
    masks[1, 8:] = IGNORE  # an image with fewer labels has its own share and counts as much as the others
    means = []
    for pixels in pixels_of(logits, masks):
        pixels.sort()
        above = [pixel for pixel in pixels if -math.log(pixel[0]) > loss_th]
        least = min_kept if isinstance(min_kept, int) else int(len(pixels) * min_kept)
        means.append(mean_loss(above if len(above) >= least else pixels[:least]))
    found = cross_entropy_of(logits, masks, loss_th=loss_th, min_kept=min_kept)
    assert found.item() == pytest.approx(np.mean(means), rel=1e-5)


def test_by_loss_keeps_the_hardest_share_of_the_batch():
    logits, masks = random_case()
    pixels = sorted(sum(pixels_of(logits, masks), []), key=lambda pixel: math.log(pixel[0]) * WEIGHTS[pixel[1]])
    expected = mean_loss(pixels[:len(pixels) // 16], WEIGHTS)
    assert cross_entropy_of(logits, masks, ohem_ratio=1 / 16, class_weights=WEIGHTS).item() == pytest.approx(expected, rel=1e-5)


def test_class_weights_and_smoothing_do_not_choose_by_probability():
    logits, masks = random_case()
    chosen = [pixel for pixel in sum(pixels_of(logits, masks), []) if pixel[0] < 0.2]
    found = cross_entropy_of(logits, masks, ohem_thresh=0.2, min_kept=1, class_weights=WEIGHTS)
    assert found.item() == pytest.approx(mean_loss(chosen, WEIGHTS), rel=1e-5)
    smooth = cross_entropy_of(logits, masks, ohem_thresh=0.2, min_kept=1, label_smoothing=0.1)
    plain = cross_entropy_of(logits, masks, ohem_thresh=0.2, min_kept=1)
    assert smooth < plain  # of the same hard pixels: what is smoothed away from a wrong answer costs less


@pytest.mark.parametrize("keys", [{"ohem_thresh": 0.2, "min_kept": 5}, {"loss_th": 1.8, "min_kept": 5}, {"ohem_ratio": 0.1}])
def test_gradients_flow_through_the_kept_pixels_only(keys):
    logits, masks = torch.randn(2, K, 16, 16, generator=torch.Generator().manual_seed(3)), torch.zeros(2, 16, 16, dtype=torch.uint8)
    masks[:, :, 8:], masks[:, 0] = 2, IGNORE
    logits.requires_grad_()
    cross_entropy_of(logits, masks, **keys).backward()
    reached = logits.grad.abs().amax(1) > 0  # (N, H, W)
    losses = F.cross_entropy(logits.detach(), masks.long(), ignore_index=IGNORE, reduction="none")
    labelled = masks != IGNORE
    bound = {"ohem_thresh": -math.log(0.2), "loss_th": 1.8, "ohem_ratio": float(losses[labelled].sort().values[-48])}
    assert torch.equal(reached, labelled & (losses >= bound[next(iter(keys))]))
    assert 0 < int(reached.sum()) < int(labelled.sum())


@pytest.mark.parametrize("keys", [{"ohem_thresh": 0.5, "min_kept": 0.1}, {"loss_th": 0.3, "min_kept": 40}, {"ohem_ratio": 0.1}])
def test_samples_without_labels_add_nothing_and_none_at_all_is_zero(keys):
    logits, masks = random_case(images=3)
    masks[1] = IGNORE
    others = cross_entropy_of(logits[[0, 2]], masks[[0, 2]], **keys)
    assert cross_entropy_of(logits, masks, **keys).item() == pytest.approx(others.item())
    masks[:] = IGNORE
    nothing = cross_entropy_of(logits, masks, **keys)
    nothing.backward()
    assert nothing.item() == 0.0
    assert logits.grad.abs().max() == 0


def test_an_image_whose_labels_lie_between_the_grids_pixels_does_not_count():
    logits, masks = random_case()
    masks[1] = IGNORE
    masks[1, 0, 0] = 1
    loss = SegmentationLoss(num_classes=K, lovasz_weight=0.0, logit_upsample=1, loss_th=0.3, min_kept=9)
    both, first = (loss({"logits": logits[:n]}, batch_of(masks[:n]), TASK)["loss_ce"].item() for n in (2, 1))
    assert both == pytest.approx(first)


def test_hard_pixels_by_hand():
    hardness = torch.tensor([1.0, 5.0, 3.0, 2.0])
    assert hard_pixels(hardness, 1.5, 2).tolist() == [False, True, True, True]
    assert sorted(hard_pixels(hardness, 4.0, 2).tolist()) == [1, 2]
    losses, weights, every = hardness[None, None], torch.tensor([[[1.0, 2.0, 1.0, 1.0]]]), torch.ones(1, 1, 4, dtype=torch.bool)
    assert HardPixels(math.inf, 0.5).mean(losses, weights, losses, every).item() == pytest.approx((5 + 3) / 3)


def test_every_pixel_counts_where_no_key_is_given():
    assert choose_hard_pixels(1.0, None, None, None) is None


@pytest.mark.parametrize(("keys", "message"), [
    ({"ohem_ratio": 0.0}, r"ohem_ratio=0\.0: must be in \(0, 1\]"),
    ({"ohem_thresh": 1.0, "min_kept": 1}, r"ohem_thresh=1\.0: expected a probability in \(0, 1\)"),
    ({"loss_th": -0.1, "min_kept": 1}, r"loss_th=-0\.1: expected a loss of 0 or more"),
    ({"ohem_ratio": 0.1, "ohem_thresh": 0.7, "min_kept": 1}, r"ohem_ratio=0\.1 and ohem_thresh=0\.7: .*keep one"),
    ({"loss_th": 0.3, "ohem_thresh": 0.7, "min_kept": 1}, r"ohem_thresh=0\.7 and loss_th=0\.3: .*keep one"),
    ({"ohem_thresh": 0.7}, r"ohem_thresh=0\.7 needs min_kept"),
    ({"loss_th": 0.3}, r"loss_th=0\.3 needs min_kept"),
    ({"min_kept": 4096}, r"min_kept=4096 has an effect with ohem_thresh or loss_th only"),
    ({"ohem_ratio": 0.5, "min_kept": 4096}, r"min_kept=4096 has an effect with ohem_thresh or loss_th only"),
    ({"ohem_thresh": 0.7, "min_kept": 0}, r"min_kept=0: expected a whole number of pixels, or a share in \(0, 1\)"),
    ({"ohem_thresh": 0.7, "min_kept": 1.0}, r"min_kept=1\.0: expected a whole number"),
    ({"ohem_thresh": 0.7, "min_kept": True}, r"min_kept=True: expected a whole number"),
])
def test_keys_that_contradict_or_mean_nothing_are_one_line(keys, message):
    with pytest.raises(UserError, match=message):
        SegmentationLoss(num_classes=K, **keys)
