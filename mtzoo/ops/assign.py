"""Ground truth -> per-location targets: task-aligned assignment (TOOD, Feng et al., ICCV 2021) with a centre prior.

Which locations answer for a box is decided by how well they already answer: score^alpha * IoU^beta. Because distances
are decoded as stride * exp(raw), an untrained network predicts boxes of a few strides at every level, so that IoU picks
the level that fits the box's size from the first step and no table of size ranges is needed. The Gaussian prior around
the box's centre settles the ties between equal locations at that time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.ops.boxes import Locations, centers_inside, pairwise_iou
from mtzoo.structures import Boxes

MIN_SCORE, MIN_IOU = 1e-4, 1e-3  # floors below which score and IoU say nothing; keep the logarithms finite


@dataclass(frozen=True)
class AlignmentPolicy:
    """top_k: locations per box at most; alpha, beta: exponents of score and IoU; center_sigma: in half box sides."""

    top_k: int = 10
    alpha: float = 0.5
    beta: float = 6.0
    center_sigma: float = 1.0

    def __post_init__(self) -> None:
        for name in ("top_k", "beta", "center_sigma"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name}={getattr(self, name)}: must be greater than 0")
        if self.alpha < 0:
            raise UserError(f"alpha={self.alpha}: must be 0 or more")


class GroundTruth(NamedTuple):
    """Boxes of N images, padded to G rows.

    xyxy: (N, G, 4); labels: (N, G) int64; valid: (N, G) bool, boxes to find; ignore: (N, G) bool, regions to leave
    alone; known: (N, K) bool, classes that are labelled at all.
    """

    xyxy: Tensor
    labels: Tensor
    valid: Tensor
    ignore: Tensor
    known: Tensor


class Targets(NamedTuple):
    """What the loss needs.

    gt_index: (N, L) int64, -1 for background; quality: (N, L), the score to reach, at most the box's best IoU;
    share: (N, L) in (0, 1] at positives, 1 at the best location of each box; cls_weights: (N, L, K), 0 or 1.
    """

    gt_index: Tensor
    quality: Tensor
    share: Tensor
    cls_weights: Tensor


def pad_ground_truth(entries: Sequence[Boxes], num_classes: int, device: torch.device) -> GroundTruth:
    """N images' boxes -> padded tensors on `device`; one (empty) row at least: reductions over G need it."""
    rows = max([len(e.xyxy) for e in entries] + [1])
    xyxy = torch.zeros(len(entries), rows, 4)
    labels = torch.zeros(len(entries), rows, dtype=torch.int64)
    ignore = torch.zeros(len(entries), rows, dtype=torch.bool)
    valid = torch.zeros_like(ignore)
    known = torch.zeros(len(entries), num_classes, dtype=torch.bool)
    for n, entry in enumerate(entries):
        count = len(entry.xyxy)
        xyxy[n, :count] = torch.as_tensor(entry.xyxy, dtype=torch.float32)
        labels[n, :count] = torch.as_tensor(entry.labels, dtype=torch.int64)
        ignore[n, :count] = torch.as_tensor(entry.ignore, dtype=torch.bool)
        valid[n, :count] = ~ignore[n, :count]
        known[n] = torch.as_tensor(entry.known, dtype=torch.bool)
    return GroundTruth(*(t.to(device) for t in (xyxy, labels, valid, ignore, known)))


def _log_alignment(scores: Tensor, iou: Tensor, offsets: Tensor, gt: GroundTruth, policy: AlignmentPolicy) -> Tensor:
    """(N, G, L) logarithm of score^alpha * IoU^beta * exp(-d^2 / 2 sigma^2), d in half box sides from the centre.

    scores: (N, L, K) probabilities; offsets: (N, G, L, 2) pixels from the box's centre.
    """
    rows = gt.labels[:, :, None].expand(-1, -1, scores.shape[1])  # (N, G, L)
    label_scores = scores.transpose(1, 2).gather(1, rows)  # (N, G, L)
    half_sides = ((gt.xyxy[..., 2:] - gt.xyxy[..., :2]) / 2).clamp(min=0.5)  # (N, G, 2)
    distance = (offsets / half_sides[:, :, None]).square().sum(dim=-1)
    prior = -distance / (2 * policy.center_sigma ** 2)
    return policy.alpha * label_scores.clamp(min=MIN_SCORE).log() + policy.beta * iou.clamp(min=MIN_IOU).log() + prior


def _give_lost_boxes_a_location(gt_index: Tensor, distance: Tensor, valid: Tensor) -> Tensor:
    """A box whose every location went to others takes the nearest that is free or not another box's only one.

    gt_index: (N, L); distance: (N, G, L). Lost boxes are rare, so a loop over them costs nothing.
    """
    counts = torch.zeros(valid.shape, dtype=torch.int64, device=valid.device)  # (N, G)
    counts.scatter_add_(1, gt_index.clamp(min=0), (gt_index >= 0).long())
    for n, g in (valid & (counts == 0)).nonzero().tolist():
        owner = gt_index[n]
        available = (owner < 0) | (counts[n][owner.clamp(min=0)] > 1)
        nearest = torch.where(available, distance[n, g], torch.inf).argmin()
        if not available[nearest]:
            break  # more boxes than locations
        if owner[nearest] >= 0:
            counts[n, owner[nearest]] -= 1
        gt_index[n, nearest] = g
        counts[n, g] = 1
    return gt_index


def _class_weights(gt: GroundTruth, centers: Tensor, positive: Tensor) -> Tensor:
    """(N, L, K): 0 for unknown classes, and for an ignore region's class at background locations inside the region."""
    weights = gt.known[:, None, :].expand(-1, len(centers), -1).float()  # (N, L, K)
    if not gt.ignore.any():
        return weights
    inside = centers_inside(gt.xyxy, centers) & gt.ignore[..., None]  # (N, G, L)
    of_class = torch.nn.functional.one_hot(gt.labels, gt.known.shape[1]).float()  # (N, G, K)
    ignored = (inside.float().transpose(1, 2) @ of_class) > 0  # (N, L, K)
    return weights.masked_fill(ignored & ~positive[..., None], 0.0)


@torch.no_grad()
def task_aligned_targets(scores: Tensor, boxes: Tensor, locations: Locations, gt: GroundTruth,
                         policy: AlignmentPolicy) -> Targets:
    """Targets from scores (N, L, K) in [0, 1] and boxes (N, L, 4) in input pixels as predicted now.

    Candidates are the locations inside a box and the one nearest to its centre; the `top_k` best aligned of them (more
    only if equal) become positive. A location wanted by several boxes goes to the one it is aligned with best; every
    box keeps at least one.
    """
    gt_centers = (gt.xyxy[..., :2] + gt.xyxy[..., 2:]) / 2  # (N, G, 2)
    offsets = locations.centers - gt_centers[:, :, None]  # (N, G, L, 2)
    distance = offsets.square().sum(dim=-1)  # (N, G, L)
    iou = pairwise_iou(gt.xyxy, boxes)  # (N, G, L)
    alignment = _log_alignment(scores, iou, offsets, gt, policy)

    candidates = centers_inside(gt.xyxy, locations.centers)  # (N, G, L)
    candidates.scatter_(2, distance.argmin(dim=2, keepdim=True), True)
    candidates &= gt.valid[..., None]
    wanted = torch.where(candidates, alignment, -torch.inf)
    lowest = wanted.topk(min(policy.top_k, wanted.shape[2]), dim=2).values[..., -1:]  # (N, G, 1)
    wanted = torch.where(wanted >= lowest, wanted, -torch.inf)
    best, gt_index = wanted.max(dim=1)  # (N, L)
    gt_index = torch.where(best > -torch.inf, gt_index, -1)
    gt_index = _give_lost_boxes_a_location(gt_index, distance, gt.valid)

    positive = gt_index >= 0
    owner = gt_index.clamp(min=0)  # (N, L)
    own_alignment = alignment.gather(1, owner[:, None]).squeeze(1).masked_fill(~positive, -torch.inf)  # (N, L)
    own_iou = iou.gather(1, owner[:, None]).squeeze(1).masked_fill(~positive, 0.0)  # (N, L)
    best_alignment = own_alignment.new_full(gt.valid.shape, -torch.inf).scatter_reduce(1, owner, own_alignment, "amax")
    best_iou = own_iou.new_zeros(gt.valid.shape).scatter_reduce(1, owner, own_iou, "amax")  # (N, G)
    share = (own_alignment - best_alignment.gather(1, owner)).exp().masked_fill(~positive, 0.0)
    return Targets(gt_index, share * best_iou.gather(1, owner), share, _class_weights(gt, locations.centers, positive))
