import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mtzoo.errors import UserError
from mtzoo.losses.segmentation import (
    LOVASZ_BINS,
    SegmentationLoss,
    lovasz_softmax,
    soft_dice,
    subsample_mask,
)
from mtzoo.structures import IGNORE, Batch

K, TASK = 4, "seg"


def batch_of(masks: torch.Tensor) -> Batch:
    count, height, width = masks.shape
    return Batch(torch.zeros(count, 3, height, width, dtype=torch.uint8), np.tile(np.eye(2, 3), (count, 1, 1)),
                 [(height, width)] * count, [], [], {}, {TASK: masks})


def random_case(images: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, K, 8, 12, generator=rng).requires_grad_()
    masks = torch.randint(0, K, (images, 32, 48), generator=rng, dtype=torch.uint8)
    masks[torch.rand(masks.shape, generator=rng) < 0.1] = IGNORE
    return logits, masks


def lovasz_by_sorting(probabilities: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The published algorithm."""
    terms = []
    for k in labels.unique().tolist():
        foreground = (labels == k).float()
        errors, order = (foreground - probabilities[k]).abs().sort(descending=True)
        hits, total = foreground[order], foreground.sum()
        jaccard = 1 - (total - hits.cumsum(0)) / (total + (1 - hits).cumsum(0))
        terms.append(errors @ jaccard.diff(prepend=torch.zeros(1)))
    return torch.stack(terms).mean()


@pytest.mark.parametrize(("pixels", "sharpness"), [(30, 0.5), (500, 2.0), (4000, 6.0)])
def test_lovasz_by_counting_is_lovasz_by_sorting(pixels, sharpness):
    rng = torch.Generator().manual_seed(pixels)
    labels = torch.randint(0, K, (pixels,), generator=rng)
    labels[labels == 3] = torch.where(torch.rand(int((labels == 3).sum()), generator=rng) < 0.05, 3, 0)  # a rare class
    logits = torch.randn(K, pixels, generator=rng) + sharpness * F.one_hot(labels, K).T * torch.rand(pixels, generator=rng)
    logits.requires_grad_()
    ours, exact = (f(logits.softmax(0), labels) for f in (lovasz_softmax, lovasz_by_sorting))
    assert ours.item() == pytest.approx(exact.item(), abs=1 / LOVASZ_BINS)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten() for loss in (ours, exact)]
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


def test_lovasz_of_hard_predictions_is_the_jaccard_loss():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    predicted = torch.tensor([0, 0, 1, 1, 1, 0])
    losses = [1 - 2 / 4, 1 - 2 / 3, 1 - 0 / 1]  # 1 - IoU by hand
    assert lovasz_softmax(F.one_hot(predicted, 3).T.float(), labels).item() == pytest.approx(np.mean(losses))


def test_perfect_predictions_cost_nothing():
    labels = torch.arange(3).repeat(5)
    perfect = F.one_hot(labels, 3).T.float()
    assert lovasz_softmax(perfect, labels).item() == 0.0
    assert soft_dice(perfect, labels).item() == 0.0


def test_dice_by_hand():
    probabilities = torch.tensor([[0.5, 1.0], [0.5, 0.0]])
    assert soft_dice(probabilities, torch.tensor([0, 0])).item() == pytest.approx(1 - 2 * 1.5 / (1.5 + 2))


def test_masks_are_taken_at_the_grids_pixel_centers():
    mask = torch.arange(16, dtype=torch.uint8)[None, None, :].expand(1, 8, 16)
    assert subsample_mask(mask, (2, 4))[0, 0].tolist() == [2, 5, 10, 13]
    assert subsample_mask(mask, (8, 16)).shape == (1, 8, 16)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 8])
def test_subsampling_shifts_nothing(size):
    """On average the pixels taken lie at the cells' centres, in both directions."""
    columns = torch.arange(8 * size, dtype=torch.uint8).expand(1, 8 * size, -1)
    centres = (torch.arange(8) + 0.5) * size
    for mask in (columns, columns.mT):
        taken = subsample_mask(mask, (8, 8)).float() + 0.5  # the middle of a pixel
        offset = taken - (centres if mask is columns else centres[:, None])
        assert offset.mean() == 0
        assert offset.abs().max() <= 0.5


def test_masks_of_another_aspect_are_an_error():
    with pytest.raises(ValueError, match="multiple"):
        subsample_mask(torch.zeros(1, 30, 48, dtype=torch.uint8), (8, 12))


@pytest.mark.parametrize("upsample", [1, 2, 4])
def test_cross_entropy_is_torchs_on_the_grid(upsample):
    logits, masks = random_case()
    loss = SegmentationLoss(num_classes=K, lovasz_weight=0.0, logit_upsample=upsample)({"logits": logits}, batch_of(masks), TASK)
    enlarged = F.interpolate(logits, scale_factor=upsample, mode="bilinear") if upsample > 1 else logits
    expected = F.cross_entropy(enlarged, subsample_mask(masks, tuple(enlarged.shape[-2:])).long(), ignore_index=IGNORE)
    assert list(loss) == ["loss_ce"]
    assert loss["loss_ce"].item() == pytest.approx(expected.item())


def test_mining_raises_the_loss():
    logits, masks = random_case()
    every, hard = (SegmentationLoss(num_classes=K, ohem_ratio=r)({"logits": logits}, batch_of(masks), TASK)["loss_ce"]
                   for r in (1.0, 0.25))
    assert hard > every


def test_training_on_one_mask_learns_it():
    masks = torch.zeros(1, 32, 48, dtype=torch.uint8)
    masks[:, 8:24, 16:32] = 2
    logits = torch.zeros(1, K, 8, 12, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    loss = SegmentationLoss(num_classes=K, dice_weight=0.5)
    for _ in range(60):
        total = sum(loss({"logits": logits}, batch_of(masks), TASK).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert torch.equal(logits.argmax(1), masks[:, 2::4, 2::4].long())
    assert total < 0.3


def test_unlabelled_samples_add_nothing():
    logits, masks = random_case()
    masks[1] = IGNORE
    loss = SegmentationLoss(num_classes=K, dice_weight=1.0)
    both = loss({"logits": logits}, batch_of(masks), TASK)
    alone = loss({"logits": logits[:1]}, batch_of(masks[:1]), TASK)
    assert {k: v.item() for k, v in both.items()} == pytest.approx({k: v.item() for k, v in alone.items()})


@pytest.mark.parametrize("seen", ["nothing", "one pixel between the grid's"])
def test_no_labels_give_zero_with_a_graph(seen):
    logits, masks = random_case()
    masks[:] = IGNORE
    if seen != "nothing":
        masks[0, 0, 0] = 1
    losses = SegmentationLoss(num_classes=K, dice_weight=1.0)({"logits": logits}, batch_of(masks), TASK)
    assert {k: v.item() for k, v in losses.items()} == {"loss_ce": 0.0, "loss_lovasz": 0.0, "loss_dice": 0.0}
    sum(losses.values()).backward()
    assert logits.grad.abs().max() == 0


def test_bfloat16_logits_are_lossed_in_float32():
    logits, masks = random_case()
    losses = SegmentationLoss(num_classes=K)({"logits": logits.bfloat16()}, batch_of(masks), TASK)
    assert all(v.dtype == torch.float32 for v in losses.values())


@pytest.mark.parametrize("upsample", [8, 16])
def test_coarse_logits_are_enlarged_up_to_the_masks(upsample):
    logits, masks = torch.randn(1, K, 3, 4), torch.randint(0, K, (1, 3 * upsample, 4 * upsample), dtype=torch.uint8)
    loss = SegmentationLoss(num_classes=K, lovasz_weight=0.0, logit_upsample=upsample)({"logits": logits}, batch_of(masks), TASK)
    expected = F.cross_entropy(F.interpolate(logits, scale_factor=upsample, mode="bilinear"), masks.long(), ignore_index=IGNORE)
    assert loss["loss_ce"].item() == pytest.approx(expected.item())


@pytest.mark.parametrize("grid", [(4, 6), (32, 48), (5, 7)])
def test_logits_are_enlarged_to_the_masks_whatever_their_grid(grid):
    logits, masks = torch.randn(2, K, *grid), random_case()[1]
    loss = SegmentationLoss(num_classes=K, lovasz_weight=0.0, logit_upsample="full")({"logits": logits}, batch_of(masks), TASK)
    expected = F.cross_entropy(F.interpolate(logits, (32, 48), mode="bilinear"), masks.long(), ignore_index=IGNORE)
    assert loss["loss_ce"].item() == pytest.approx(expected.item())


def test_logits_finer_than_the_masks_are_refused():
    masks = torch.zeros(1, 32, 32, dtype=torch.uint8)
    with pytest.raises(UserError, match="logit_upsample=16: finer than the masks; the logits have stride 8, at most that"):
        SegmentationLoss(num_classes=K, logit_upsample=16)({"logits": torch.zeros(1, K, 4, 4)}, batch_of(masks), TASK)


def test_terms_of_weight_zero_give_zero_with_a_graph():
    """A teacher may be all that teaches."""
    logits, masks = random_case()
    losses = SegmentationLoss(num_classes=K, ce_weight=0.0, lovasz_weight=0.0)({"logits": logits}, batch_of(masks), TASK)
    assert {k: v.item() for k, v in losses.items()} == {"loss_ce": 0.0}
    losses["loss_ce"].backward()
    assert logits.grad.abs().max() == 0


def test_a_class_of_weight_zero_does_not_count():
    logits, masks = random_case()
    without = masks.masked_fill(masks == 2, IGNORE)
    found, wanted = (SegmentationLoss(num_classes=K, lovasz_weight=0.0, class_weights=weights)({"logits": logits}, batch_of(m), TASK)
                     for weights, m in (([1.0, 1.0, 0.0, 1.0], masks), (None, without)))
    assert found["loss_ce"].item() == pytest.approx(wanted["loss_ce"].item())


@pytest.mark.parametrize("wrong", [{"ohem_ratio": 0.0}, {"logit_upsample": 3}, {"class_weights": [1.0]}, {"ce_weight": -1.0},
                                   {"class_weights": [1.0, -1.0, 1.0, 1.0]}, {"class_weights": [0.0] * K}])
def test_senseless_parameters_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        SegmentationLoss(num_classes=K, **wrong)
