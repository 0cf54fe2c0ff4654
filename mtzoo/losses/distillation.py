"""What it costs to answer otherwise than a teacher: all are 0 where student and teacher agree.

The student's tensors come first. N batch, K classes, C channels, L locations of all levels. All are float32.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.losses.detection import quality_focal_loss
from mtzoo.ops.boxes import flatten_levels

FOCUS = 2.0  # gamma of the quality focal loss
CHANNEL_TEMPERATURE = 4.0
EPS = 1e-5


def pixel_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of the classes at each pixel, mean over pixels (Hinton et al., arXiv 1503.02531).

    logits (N, K, h, w), divided by the temperature; times its square, so that gradients do not shrink with it.
    """
    wanted, have = (logits.div(temperature).log_softmax(dim=1) for logits in (teacher, student))
    return F.kl_div(have, wanted, reduction="none", log_target=True).sum(dim=1).mean() * temperature**2


def channel_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Each channel as a distribution over its pixels, divergence averaged over channels (Shu et al., arXiv 2011.13256).

    maps (N, C, h, w). It tells where a class lies rather than which class a pixel has.
    """
    wanted, have = (maps.flatten(2).div(CHANNEL_TEMPERATURE).log_softmax(dim=2) for maps in (teacher, student))
    return F.kl_div(have, wanted, reduction="none", log_target=True).sum(dim=2).mean() * CHANNEL_TEMPERATURE**2


def feature_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - Pearson's correlation of each channel, mean over channels, as a distance of standardised maps (arXiv 2207.02039).

    maps (N, C, h, w): neither scale nor offset of a channel counts, which differ between networks for no reason.
    """
    return F.mse_loss(standardised(student), standardised(teacher)) / 2


def standardised(maps: Tensor) -> Tensor:
    """Mean 0 and variance 1 in each channel, over batch and pixels."""
    variance, mean = torch.var_mean(maps, dim=(0, 2, 3), correction=0, keepdim=True)
    return (maps - mean) / (variance + EPS).sqrt()


def detection_distances(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor],
                        weights: Mapping[str, float]) -> dict[str, Tensor]:
    """A detection task's maps cls_sX (N, K, h, w) and box_sX (N, 4, h, w) -> {"cls", "box"} scalars.

    cls: quality focal loss to the teacher's scores (Li et al., NeurIPS 2020), which passes over the many cells that both call
    background. box: GIoU of the two boxes (Rezatofighi et al., CVPR 2019), weighted by the square of the teacher's best score: of
    background cells there are thousands, and what they say of boxes is nothing. Both are divided by the sum of those squares.
    weights: output name -> factor.
    """
    # Imported here because it takes seconds, and few commands train.
    from torchvision.ops import generalized_box_iou_loss

    logits, boxes, locations = flatten_levels(student)
    teacher_logits, teacher_boxes, _ = flatten_levels(teacher)
    scores = teacher_logits.sigmoid()  # (N, L, K)
    sure = scores.amax(dim=2).square()  # (N, L)
    count = sure.sum().clamp(min=1.0)
    level_weights = {kind: torch.tensor([weights[f"{kind}_s{int(stride)}"] for stride in locations.strides.unique()],
                                        device=logits.device) for kind in ("cls", "box")}
    level = locations.strides.unique(return_inverse=True)[1]  # (L,)
    focal = quality_focal_loss(logits, scores, FOCUS).sum(dim=2)  # (N, L)
    giou = generalized_box_iou_loss(boxes, teacher_boxes)  # (N, L)
    return {"cls": (focal * level_weights["cls"][level]).sum() / count,
            "box": (giou * sure * level_weights["box"][level]).sum() / count}
