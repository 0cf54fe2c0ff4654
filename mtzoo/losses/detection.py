"""The loss of an anchor-free detection task."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtzoo.losses.checks import check_not_negative
from mtzoo.losses.labelled import attached_zero, labelled_rows
from mtzoo.ops.assign import (
    AlignmentPolicy,
    GroundTruth,
    Positives,
    assign_task_aligned,
    class_weights,
    gather_ground_truth,
)
from mtzoo.ops.boxes import flatten_levels
from mtzoo.registry import LOSSES
from mtzoo.structures import Batch


def quality_focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """|y - sigmoid(x)|^gamma * BCE(x, y), elementwise, soft targets y (Generalized Focal Loss, NeurIPS 2020)."""
    focus = (targets - logits.sigmoid()).abs().pow(gamma)
    return focus * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


@LOSSES.register_module()
class DetectionLoss(nn.Module):
    """Quality focal loss on the scores, whose target is the IoU of their box (NeurIPS 2020), and GIoU on the boxes (CVPR 2019).

    Both are divided by the number of positive locations, each weighted by its alignment relative to the best of its box, so that large
    and small boxes count the same. Locations are assigned to boxes by task alignment (TOOD, ICCV 2021). Computed in float32.

    Args:
        num_classes: The number of classes.
        cls_weight: The factor of the quality focal loss.
        iou_weight: The factor of GIoU.
        gamma: The exponent of the quality focal loss.
        top_k: The number of locations that are assigned to a box.
        alpha: The exponent of the score in the alignment.
        beta: The exponent of the IoU in the alignment.
        center_sigma: The standard deviation of the Gaussian prior around a box's centre, in half box sides.
    """

    KIND = "detection"

    def __init__(self, *, num_classes: int, cls_weight: float = 1.0, iou_weight: float = 2.0, gamma: float = 2.0,
                 top_k: int = 10, alpha: float = 0.5, beta: float = 6.0, center_sigma: float = 1.0) -> None:
        super().__init__()
        check_not_negative({"cls_weight": cls_weight, "iou_weight": iou_weight, "gamma": gamma})
        self.num_classes = num_classes
        self.cls_weight, self.iou_weight, self.gamma = cls_weight, iou_weight, gamma
        self.policy = AlignmentPolicy(top_k=top_k, alpha=alpha, beta=beta, center_sigma=center_sigma)

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch, task: str) -> dict[str, Tensor]:
        """outputs: the task's cls_sX (N, K, h, w) and box_sX (N, 4, h, w) maps -> {"loss_cls", "loss_box"} scalars.

        Samples without labels of the task add nothing; both are 0, with a graph, if none has labels.
        """
        rows = labelled_rows(batch, task)
        if not rows:
            zero = attached_zero(outputs)
            return {"loss_cls": zero, "loss_box": zero}
        logits, boxes, locations = flatten_levels(outputs)
        if len(rows) < len(logits):
            logits, boxes = logits[rows], boxes[rows]
        labelled = [batch.boxes[task][n] for n in rows]
        gt, ignored = gather_ground_truth(labelled, logits.device)
        known = torch.as_tensor(np.stack([entry.known for entry in labelled]), device=logits.device)  # (N, K)
        positives = assign_task_aligned(logits, boxes, locations, gt, self.policy)
        weights = class_weights(known, ignored, locations.centers, positives)
        return self._losses(logits, boxes, gt, positives, weights)

    def _losses(self, logits: Tensor, boxes: Tensor, gt: GroundTruth, positives: Positives,
                weights: Tensor) -> dict[str, Tensor]:
        """logits (N, L, K), boxes (N, L, 4) of labelled samples, weights (N, L, K) -> the two scalars."""
        # Imported here because it takes seconds, and few commands train.
        from torchvision.ops import generalized_box_iou_loss

        images, locations, owners, quality, share = positives
        count = share.sum().clamp(min=1.0)
        wanted = torch.zeros_like(logits)
        wanted[images, locations, gt.labels[owners]] = quality
        loss_cls = (quality_focal_loss(logits, wanted, self.gamma) * weights).sum() / count
        giou = generalized_box_iou_loss(boxes[images, locations], gt.xyxy[owners])  # (P,)
        loss_box = (giou * share).sum() / count
        return {"loss_cls": self.cls_weight * loss_cls, "loss_box": self.iou_weight * loss_box}
