"""The loss of an anchor-free detection task."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import generalized_box_iou_loss

from mtzoo.losses.labelled import attached_zero
from mtzoo.ops.assign import AlignmentPolicy, GroundTruth, Targets, pad_ground_truth, task_aligned_targets
from mtzoo.ops.boxes import flatten_levels
from mtzoo.registry import LOSSES
from mtzoo.structures import Batch


def quality_focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """|y - sigmoid(x)|^gamma * BCE(x, y), elementwise, soft targets y (Generalized Focal Loss, NeurIPS 2020)."""
    focus = (targets - logits.sigmoid()).abs().pow(gamma)
    return focus * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


@LOSSES.register_module()
class DetectionLoss(nn.Module):
    """Quality focal loss on scores that are to equal the IoU of their box, and GIoU of the boxes.

    Both are divided by the number of positives, each weighted by its alignment relative to the best of its box, so a
    large and a small box count the same. Locations are assigned by `mtzoo.ops.assign`; top_k, alpha, beta and
    center_sigma are its parameters. Computed in float32, whatever the outputs' type.
    """

    def __init__(self, *, num_classes: int, cls_weight: float = 1.0, iou_weight: float = 2.0, gamma: float = 2.0,
                 top_k: int = 10, alpha: float = 0.5, beta: float = 6.0, center_sigma: float = 1.0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.cls_weight, self.iou_weight, self.gamma = cls_weight, iou_weight, gamma
        self.policy = AlignmentPolicy(top_k=top_k, alpha=alpha, beta=beta, center_sigma=center_sigma)

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch, task: str) -> dict[str, Tensor]:
        """outputs: the task's cls_sX (N, K, h, w) and box_sX (N, 4, h, w) maps -> {"loss_cls", "loss_box"} scalars.

        Samples without labels of the task add nothing; both are 0, with a graph, if none has labels.
        """
        entries = batch.boxes.get(task, [])
        rows = [n for n, entry in enumerate(entries) if entry is not None]
        if not rows:
            zero = attached_zero(outputs)
            return {"loss_cls": zero, "loss_box": zero}
        logits, boxes, locations = flatten_levels(outputs)
        if len(rows) < len(logits):
            logits, boxes = logits[rows], boxes[rows]
        gt = pad_ground_truth([entries[n] for n in rows], self.num_classes, logits.device)
        targets = task_aligned_targets(logits.sigmoid(), boxes, locations, gt, self.policy)
        return self._losses(logits, boxes, gt, targets)

    def _losses(self, logits: Tensor, boxes: Tensor, gt: GroundTruth, targets: Targets) -> dict[str, Tensor]:
        """logits (N, L, K), boxes (N, L, 4) of labelled samples -> the two scalars."""
        image, location = (targets.gt_index >= 0).nonzero(as_tuple=True)  # (P,) each
        owner = targets.gt_index[image, location]
        share = targets.share[image, location]
        positives = share.sum().clamp(min=1.0)
        wanted = torch.zeros_like(logits)
        wanted[image, location, gt.labels[image, owner]] = targets.quality[image, location]
        loss_cls = (quality_focal_loss(logits, wanted, self.gamma) * targets.cls_weights).sum() / positives
        giou = generalized_box_iou_loss(boxes[image, location], gt.xyxy[image, owner])  # (P,)
        loss_box = (giou * share).sum() / positives
        return {"loss_cls": self.cls_weight * loss_cls, "loss_box": self.iou_weight * loss_box}
