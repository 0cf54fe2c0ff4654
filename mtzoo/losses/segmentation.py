"""The loss of a dense segmentation task."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.losses.checks import check_not_negative
from mtzoo.losses.hard_pixels import choose_hard_pixels
from mtzoo.losses.labelled import attached_zero, labelled_rows
from mtzoo.ops.bilinear import FACTORS
from mtzoo.registry import LOSSES
from mtzoo.structures import IGNORE, Batch

LOVASZ_BINS = 1024


def subsample_mask(mask: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Masks (N, H, W) at the cell centres of a coarser grid (N, h, w); H and W are multiples of h and w.

    The centre of a cell of even size lies between two pixels, so cells take the one after and the one before it in turn:
    always the same one would teach a shift of half a pixel, which thin poles do not forgive. Raises ValueError for other sizes.
    """
    ratio = mask.shape[1] // grid_hw[0]
    if (grid_hw[0] * ratio, grid_hw[1] * ratio) != tuple(mask.shape[1:]):
        raise ValueError(f"masks of {tuple(mask.shape[1:])} pixels are no whole multiple of the logits' {grid_hw}")
    rows, columns = (_central_pixels(count, ratio, mask.device) for count in grid_hw)
    return mask[:, rows[:, None], columns]


def _central_pixels(cells: int, size: int, device: torch.device) -> Tensor:
    """(cells,) index of a pixel next to each cell's centre; cells are `size` pixels long."""
    cell = torch.arange(cells, device=device)
    return cell * size + size // 2 - (cell % 2 if size % 2 == 0 else 0)


@torch.no_grad()
def lovasz_weights(errors: Tensor, foreground: Tensor) -> Tensor:
    """How much of the Jaccard loss each pixel's error carries: the Lovasz extension's gradient, (C, P) like `errors`.

    errors: (C, P) in [0, 1]; foreground: (C, P) bool. The extension ranks pixels by error. Here the ranks are
    taken in LOVASZ_BINS steps of error instead of by a sort, pixels of one step sharing their step's part: the loss
    differs by less than a step's width, and the cost falls from a sort per class to a count.
    """
    classes = errors.shape[0]
    bins = (errors * LOVASZ_BINS).long().clamp_(max=LOVASZ_BINS - 1).neg_().add_(LOVASZ_BINS - 1)  # largest error first
    slots = bins + torch.arange(classes, device=errors.device)[:, None] * LOVASZ_BINS  # (C, P)
    slots = slots * 2 + foreground
    counts = torch.bincount(slots.flatten(), minlength=classes * LOVASZ_BINS * 2)
    counts = counts.view(classes, LOVASZ_BINS, 2).double()
    after = counts.cumsum(1)
    before = after - counts
    total = after[:, -1:, 1]  # (C, 1) foreground pixels of the class
    union_before, union_after = total + before[..., 0], total + after[..., 0]  # (C, B)
    on_foreground = (1 / union_before + 1 / union_after) / 2
    on_background = (total - (before[..., 1] + after[..., 1]) / 2) / (union_before * union_after)
    table = torch.stack([on_background, on_foreground], dim=-1).to(errors.dtype)  # (C, B, 2)
    return table.flatten()[slots]


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The Lovasz extension of the Jaccard loss, mean over the classes present (Berman et al., CVPR 2018).

    probabilities: (K, P) after softmax; labels: (P,) int64 in [0, K). Pooled over the batch, as mIoU is.
    """
    present = torch.bincount(labels).nonzero().flatten()  # (C,)
    foreground = labels == present[:, None]  # (C, P)
    errors = (probabilities[present] - foreground.to(probabilities.dtype)).abs()
    return (errors * lovasz_weights(errors, foreground)).sum() / len(present)


def soft_dice(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - soft Dice, mean over the classes present. probabilities: (K, P) after softmax; labels: (P,) int64 in [0, K)."""
    present = torch.bincount(labels).nonzero().flatten()  # (C,)
    foreground = (labels == present[:, None]).to(probabilities.dtype)  # (C, P)
    found = probabilities[present]
    dice = 2 * (found * foreground).sum(1) / (found.sum(1) + foreground.sum(1))
    return 1.0 - dice.mean()


@LOSSES.register_module()
class SegmentationLoss(nn.Module):
    """Cross-entropy over all or hard pixels, plus Lovasz-softmax (CVPR 2018) and soft Dice. Computed in float32.

    A term with weight 0 is not computed. At most one of `ohem_ratio`, `ohem_thresh` and `loss_th` selects hard pixels.

    Args:
        num_classes: The number of classes.
        ce_weight: The factor of the cross-entropy.
        lovasz_weight: The factor of Lovasz-softmax.
        dice_weight: The factor of soft Dice.
        class_weights: The weight of each class in the cross-entropy.
        label_smoothing: The share (0 to 1) of label smoothing.
        ohem_ratio: Only this share of the labelled pixels counts, those with the largest loss.
        ohem_thresh: Only pixels count whose class has a lower probability.
        loss_th: Only pixels with a larger loss count, selected image by image.
        min_kept: With `ohem_thresh` and `loss_th`: the least number of pixels (an integer), or the least share (a fraction).
        logit_upsample: Enlarge the logits before the cross-entropy by 1, 2, 4, 8 or 16, or to the size of the masks (`"full"`).
    """

    KIND = "segmentation"

    def __init__(self, *, num_classes: int, ce_weight: float = 1.0, lovasz_weight: float = 0.5,
                 dice_weight: float = 0.0, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0,
                 ohem_ratio: float = 1.0, ohem_thresh: float | None = None, loss_th: float | None = None,
                 min_kept: int | float | None = None, logit_upsample: int | Literal["full"] = 2) -> None:
        super().__init__()
        check_not_negative({"ce_weight": ce_weight, "lovasz_weight": lovasz_weight, "dice_weight": dice_weight})
        if class_weights is not None and len(class_weights) != num_classes:
            raise UserError(f"class_weights: {len(class_weights)} values for {num_classes} classes; give one per class")
        if class_weights is not None and not (min(class_weights) >= 0 and max(class_weights) > 0):
            raise UserError(f"class_weights={list(class_weights)}: expected numbers of 0 or more, one of them above 0")
        if not 0.0 <= label_smoothing <= 1.0:
            raise UserError(f"label_smoothing={label_smoothing}: must be in 0..1")
        if logit_upsample not in (*FACTORS, "full"):
            raise UserError(f"logit_upsample={logit_upsample}: must be one of {', '.join(map(str, FACTORS))}, or 'full'")
        self.ce_weight, self.lovasz_weight, self.dice_weight = ce_weight, lovasz_weight, dice_weight
        self.label_smoothing, self.logit_upsample = label_smoothing, logit_upsample
        self.reweighted = class_weights is not None or label_smoothing > 0
        self.hard_pixels = choose_hard_pixels(ohem_ratio, ohem_thresh, loss_th, min_kept)
        weights = torch.ones(num_classes) if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch, task: str) -> dict[str, Tensor]:
        """outputs: {"logits": (N, K, h, w)}; batch.masks[task]: (N, H, W) uint8 -> {"loss_ce", ...} scalars.

        Samples without labels of the task add nothing; all are 0, with a graph, if none has labels. "loss_ce" is, too, if every term
        has the weight 0: auxiliary heads or a teacher may be all that teaches.
        """
        rows, names = labelled_rows(batch, task), self._names()
        if not rows or not names:
            return dict.fromkeys(names or ["loss_ce"], attached_zero(outputs))
        logits, masks = outputs["logits"].float(), batch.masks[task]
        if len(rows) < len(logits):
            logits, masks = logits[rows], masks[rows]
        return self._losses(logits, masks)

    def _names(self) -> list[str]:
        weights = {"loss_ce": self.ce_weight, "loss_lovasz": self.lovasz_weight, "loss_dice": self.dice_weight}
        return [name for name, weight in weights.items() if weight > 0]

    def _losses(self, logits: Tensor, masks: Tensor) -> dict[str, Tensor]:
        """logits (N, K, h, w) float32, masks (N, H, W) uint8, of labelled samples."""
        losses = {}
        if self.ce_weight > 0:
            losses["loss_ce"] = self.ce_weight * self._cross_entropy(logits, masks)
        if self.lovasz_weight > 0 or self.dice_weight > 0:
            labels = subsample_mask(masks, tuple(logits.shape[-2:])).flatten().long()  # (N h w,)
            labelled = labels != IGNORE
            columns = logits.transpose(0, 1).flatten(1)[:, labelled]  # (K, P)
            probabilities, labels = columns.softmax(dim=0), labels[labelled]
            if not len(labels):  # all labelled pixels fell between the grid's
                losses |= {name: logits.sum() * 0.0 for name in self._names() if name != "loss_ce"}
                return losses
            if self.lovasz_weight > 0:
                losses["loss_lovasz"] = self.lovasz_weight * lovasz_softmax(probabilities, labels)
            if self.dice_weight > 0:
                losses["loss_dice"] = self.dice_weight * soft_dice(probabilities, labels)
        return losses

    def _cross_entropy(self, logits: Tensor, masks: Tensor) -> Tensor:
        logits = self._enlarged(logits, masks)
        labels = subsample_mask(masks, tuple(logits.shape[-2:])).long()  # (N, h, w)
        labelled = labels != IGNORE
        weights = self.class_weights[labels.where(labelled, 0)]
        losses = F.cross_entropy(logits, labels, self.class_weights, ignore_index=IGNORE, label_smoothing=self.label_smoothing,
                                 reduction="sum" if self.hard_pixels is None else "none")
        if self.hard_pixels is None:  # as reduction="mean" has it, and 0 where all labelled pixels fell between the grid's
            return losses / (weights * labelled).sum().clamp(min=torch.finfo(losses.dtype).tiny)
        if not labelled.any():
            return logits.sum() * 0.0
        hardness = losses.detach()
        if self.hard_pixels.by_probability and self.reweighted:
            hardness = F.cross_entropy(logits.detach(), labels, ignore_index=IGNORE, reduction="none")
        return self.hard_pixels.mean(losses, weights, hardness, labelled)

    def _enlarged(self, logits: Tensor, masks: Tensor) -> Tensor:
        """(N, K, h, w) as `logit_upsample` says, at most of the size of masks (N, H, W)."""
        hw, stride = tuple(masks.shape[-2:]), masks.shape[-1] // logits.shape[-1]
        if self.logit_upsample == "full":
            return logits if tuple(logits.shape[-2:]) == hw else F.interpolate(logits, hw, mode="bilinear", align_corners=False)
        if self.logit_upsample > stride:
            raise UserError(f"logit_upsample={self.logit_upsample}: finer than the masks; "
                            f"the logits have stride {stride}, at most that")
        if self.logit_upsample == 1:
            return logits
        return F.interpolate(logits, scale_factor=self.logit_upsample, mode="bilinear", align_corners=False)
