"""The loss of a dense segmentation task."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.losses.labelled import attached_zero
from mtzoo.registry import LOSSES
from mtzoo.structures import IGNORE, Batch

LOVASZ_MIN_ERROR = 1e-3  # smaller errors move the Lovasz loss by less than this in sum; leaving them out saves the sort


def subsample_mask(mask: Tensor, grid_hw: tuple[int, int]) -> Tensor:
    """Masks (N, H, W) at the pixel centres of a coarser grid (N, h, w); H and W are multiples of h and w.

    Raises ValueError if they are not.
    """
    ratio = mask.shape[1] // grid_hw[0]
    if (grid_hw[0] * ratio, grid_hw[1] * ratio) != tuple(mask.shape[1:]):
        raise ValueError(f"masks of {tuple(mask.shape[1:])} pixels are no whole multiple of the logits' {grid_hw}")
    return mask[:, ratio // 2::ratio, ratio // 2::ratio]


def mean_of_hardest(losses: Tensor, weights: Tensor, ratio: float) -> Tensor:
    """Weighted mean of the largest `ratio` of the losses (P,), at least one (online hard example mining)."""
    if ratio < 1.0:
        losses, kept = losses.topk(max(1, int(len(losses) * ratio)), sorted=False)
        weights = weights[kept]
    return losses.sum() / weights.sum().clamp(min=torch.finfo(losses.dtype).tiny)


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The Lovasz extension of the Jaccard loss, mean over the classes present (Berman et al., CVPR 2018).

    probabilities: (P, K) after softmax; labels: (P,) int64 in [0, K). Pooled over the batch, as mIoU is.
    """
    terms = []
    for k in labels.unique().tolist():
        foreground = (labels == k).float()  # (P,)
        errors = (foreground - probabilities[:, k]).abs()
        felt = errors > LOVASZ_MIN_ERROR
        ranked, order = errors[felt].sort(descending=True)
        hits = foreground[felt][order]
        total = foreground.sum()
        jaccard = 1.0 - (total - hits.cumsum(0)) / (total + (1.0 - hits).cumsum(0))
        terms.append(ranked @ jaccard.diff(prepend=jaccard.new_zeros(1)))
    return torch.stack(terms).mean()


def soft_dice(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - soft Dice, mean over the classes present. probabilities: (P, K) after softmax; labels: (P,) int64."""
    onehot = F.one_hot(labels, probabilities.shape[1]).to(probabilities.dtype)  # (P, K)
    sizes = onehot.sum(0)
    dice = 2 * (probabilities * onehot).sum(0) / (probabilities.sum(0) + sizes).clamp(min=1e-6)
    return 1.0 - dice[sizes > 0].mean()


@LOSSES.register_module()
class SegmentationLoss(nn.Module):
    """Cross-entropy, with optional hard example mining, plus Lovasz-softmax and Dice, which aim at the IoU itself.

    logit_upsample: cross-entropy is taken on the logits enlarged by this (1, 2 or 4); the region losses, whose cost is
    a sort, on the logits' own grid. ohem_ratio: share of the labelled pixels that count, the hardest. class_weights:
    one per class. A loss of weight 0 is not computed. Computed in float32, whatever the outputs' type.
    """

    def __init__(self, *, num_classes: int, ce_weight: float = 1.0, lovasz_weight: float = 0.5,
                 dice_weight: float = 0.0, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0,
                 ohem_ratio: float = 1.0, logit_upsample: int = 2) -> None:
        super().__init__()
        if class_weights is not None and len(class_weights) != num_classes:
            raise UserError(f"class_weights: {len(class_weights)} values for {num_classes} classes; give one per class")
        if not 0.0 < ohem_ratio <= 1.0:
            raise UserError(f"ohem_ratio={ohem_ratio}: must be in (0, 1]; 1 keeps every pixel")
        if logit_upsample not in (1, 2, 4):
            raise UserError(f"logit_upsample={logit_upsample}: must be 1, 2 or 4")
        self.ce_weight, self.lovasz_weight, self.dice_weight = ce_weight, lovasz_weight, dice_weight
        self.label_smoothing, self.ohem_ratio, self.logit_upsample = label_smoothing, ohem_ratio, logit_upsample
        weights = torch.ones(num_classes) if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch, task: str) -> dict[str, Tensor]:
        """outputs: {"logits": (N, K, h, w)}; batch.masks[task]: (N, H, W) uint8 -> {"loss_ce", ...} scalars.

        Samples without labels of the task add nothing; all are 0, with a graph, if none has labels.
        """
        masks = batch.masks.get(task)
        rows = [] if masks is None else (masks != IGNORE).flatten(1).any(dim=1).nonzero().flatten().tolist()
        if not rows:
            return dict.fromkeys(self._names(), attached_zero(outputs))
        logits = outputs["logits"].float()
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
            rows = logits.permute(0, 2, 3, 1).flatten(0, 2)[labelled]  # (P, K)
            probabilities, labels = rows.softmax(dim=1), labels[labelled]
            if not len(labels):  # all labelled pixels fell between the grid's
                losses |= {name: logits.sum() * 0.0 for name in self._names() if name != "loss_ce"}
                return losses
            if self.lovasz_weight > 0:
                losses["loss_lovasz"] = self.lovasz_weight * lovasz_softmax(probabilities, labels)
            if self.dice_weight > 0:
                losses["loss_dice"] = self.dice_weight * soft_dice(probabilities, labels)
        return losses

    def _cross_entropy(self, logits: Tensor, masks: Tensor) -> Tensor:
        if self.logit_upsample > 1:
            logits = F.interpolate(logits, scale_factor=self.logit_upsample, mode="bilinear", align_corners=False)
        labels = subsample_mask(masks, tuple(logits.shape[-2:])).long()  # (N, h, w)
        per_pixel = F.cross_entropy(logits, labels, self.class_weights, ignore_index=IGNORE, reduction="none",
                                    label_smoothing=self.label_smoothing)
        labelled = labels != IGNORE
        if not labelled.any():
            return logits.sum() * 0.0
        return mean_of_hardest(per_pixel[labelled], self.class_weights[labels[labelled]], self.ohem_ratio)
