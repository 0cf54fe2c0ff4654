"""Ground truth -> per-location targets: task-aligned assignment (TOOD, Feng et al., ICCV 2021) with a centre prior.

Which locations answer for a box is decided by how well they already answer: score^alpha * IoU^beta. Because distances
are decoded as stride * exp(raw), an untrained network predicts boxes of a few strides at every level, so that IoU picks
the level that fits the box's size from the first step and no table of size ranges is needed. The Gaussian prior around
the box's centre settles the ties between equal locations at that time.

Boxes of all images stand in one list with an index of their image, and locations are paired only with boxes they lie
in: cost and memory follow the labels, not N * G * L.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mtzoo.errors import UserError
from mtzoo.ops.boxes import Locations, centers_inside, iou
from mtzoo.structures import Boxes

MIN_SCORE, MIN_IOU = 1e-4, 1e-3  # floors below which score and IoU say nothing; keep the logarithms finite


@dataclass(frozen=True)
class AlignmentPolicy:
    """Parameters of the assignment.

    Attributes:
        top_k: The largest number of locations for a box.
        alpha: The exponent of the score.
        beta: The exponent of the IoU.
        center_sigma: The standard deviation of the centre prior, in half box sides.
    """

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
    """The boxes of N images in one list, G in all. xyxy: (G, 4); labels: (G,) int64; images: (G,) int64 in [0, N)."""

    xyxy: Tensor
    labels: Tensor
    images: Tensor


class Positives(NamedTuple):
    """The P locations that answer for a box. images, locations, boxes: (P,) int64, the last an index into GroundTruth.

    quality: (P,) the score to reach, at most the best IoU among the box's locations; share: (P,) in (0, 1], alignment
    relative to the box's best location.
    """

    images: Tensor
    locations: Tensor
    boxes: Tensor
    quality: Tensor
    share: Tensor


def gather_ground_truth(entries: Sequence[Boxes], device: torch.device) -> tuple[GroundTruth, GroundTruth]:
    """N images' boxes -> the boxes to find and the ignore regions, on `device`."""
    xyxy = torch.cat([torch.as_tensor(e.xyxy, dtype=torch.float32).reshape(-1, 4) for e in entries])
    labels = torch.cat([torch.as_tensor(e.labels, dtype=torch.int64) for e in entries])
    ignore = torch.cat([torch.as_tensor(e.ignore, dtype=torch.bool) for e in entries])
    counts = torch.tensor([len(e.labels) for e in entries])
    images = torch.arange(len(entries)).repeat_interleave(counts)
    return tuple(GroundTruth(xyxy[rows].to(device), labels[rows].to(device), images[rows].to(device))
                 for rows in (~ignore, ignore))


def rank_within(groups: Tensor, values: Tensor) -> Tensor:
    """(Q,) each -> (Q,) int64: 0 for the largest value of its group, 1 for the next; the earlier first among equals."""
    order = values.sort(descending=True, stable=True).indices
    grouped, regroup = groups[order].sort(stable=True)
    order = order[regroup]
    first = torch.searchsorted(grouped, grouped)  # where each one's group starts
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device) - first
    return ranks


def class_weights(known: Tensor, regions: GroundTruth, centers: Tensor, positives: Positives) -> Tensor:
    """(N, L, K) weights of the score loss: 0 for unknown classes, and for an ignore region's class at background inside.

    known: (N, K) bool; regions: ignore regions; centers: (L, 2).
    """
    weights = known[:, None, :].repeat(1, len(centers), 1).float()  # (N, L, K)
    region, location = centers_inside(regions.xyxy, centers).nonzero(as_tuple=True)
    weights[regions.images[region], location, regions.labels[region]] = 0.0
    weights[positives.images, positives.locations] = known[positives.images].float()
    return weights


def _distances(gt: GroundTruth, centers: Tensor) -> Tensor:
    """(G, L) squared distances of the locations from the boxes' centres."""
    middle = (gt.xyxy[:, :2] + gt.xyxy[:, 2:]) / 2  # (G, 2)
    return sum((centers[:, axis] - middle[:, axis, None]).square() for axis in (0, 1))


def _align(logits: Tensor, boxes: Tensor, centers: Tensor, gt: GroundTruth, row: Tensor,
           location: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For pairs (Q,) of a box `row` and a location: log score, IoU, squared distance in half box sides; (Q,) each."""
    image, target = gt.images[row], gt.xyxy[row]
    log_score = F.logsigmoid(logits[image, location, gt.labels[row]]).clamp(min=math.log(MIN_SCORE))
    half_sides = ((target[:, 2:] - target[:, :2]) / 2).clamp(min=0.5)
    offset = (centers[location] - (target[:, :2] + target[:, 2:]) / 2) / half_sides
    return log_score, iou(target, boxes[image, location]), offset.square().sum(dim=1)


def _give_lost_boxes_a_location(owners: Tensor, gt: GroundTruth, centers: Tensor) -> Tensor:
    """A box whose every location went to others takes the nearest that is free or not another box's only one.

    owners: (N, L) int64, index into `gt` or -1. Lost boxes are rare, so a loop over them costs nothing.
    """
    counts = torch.bincount(owners[owners >= 0], minlength=len(gt.labels))  # (G,)
    for row in (counts == 0).nonzero().flatten().tolist():
        owner = owners[gt.images[row]]  # (L,), a view
        available = (owner < 0) | (counts[owner.clamp(min=0)] > 1)
        distance = _distances(GroundTruth(*(t[row:row + 1] for t in gt)), centers)[0]
        nearest = torch.where(available, distance, torch.inf).argmin()
        if not available[nearest]:
            continue  # more boxes than locations
        if owner[nearest] >= 0:
            counts[owner[nearest]] -= 1
        owner[nearest] = row
        counts[row] = 1
    return owners


@torch.no_grad()
def assign_task_aligned(logits: Tensor, boxes: Tensor, locations: Locations, gt: GroundTruth,
                        policy: AlignmentPolicy) -> Positives:
    """Positives from logits (N, L, K) and boxes (N, L, 4) in input pixels as predicted now.

    Candidates are the locations inside a box and the one nearest to its centre; the `top_k` best aligned of them become
    positive. A location wanted by several boxes goes to the one it is aligned with best; every box keeps at least one.
    """
    def alignment(row: Tensor, location: Tensor) -> tuple[Tensor, Tensor]:
        log_score, overlap, distance = _align(logits, boxes, locations.centers, gt, row, location)
        log_iou = overlap.clamp(min=MIN_IOU).log()
        return policy.alpha * log_score + policy.beta * log_iou - distance / (2 * policy.center_sigma ** 2), overlap

    candidates = centers_inside(gt.xyxy, locations.centers)  # (G, L)
    candidates.scatter_(1, _distances(gt, locations.centers).argmin(dim=1, keepdim=True), True)
    row, location = candidates.nonzero(as_tuple=True)  # (Q,) each
    aligned, _ = alignment(row, location)
    top = rank_within(row, aligned) < policy.top_k
    row, location, aligned = row[top], location[top], aligned[top]
    won = rank_within(gt.images[row] * logits.shape[1] + location, aligned) == 0
    owners = torch.full(logits.shape[:2], -1, dtype=torch.int64, device=logits.device)  # (N, L)
    owners[gt.images[row[won]], location[won]] = row[won]
    owners = _give_lost_boxes_a_location(owners, gt, locations.centers)

    image, location = (owners >= 0).nonzero(as_tuple=True)  # (P,) each
    row = owners[image, location]
    aligned, overlap = alignment(row, location)
    best_aligned = aligned.new_full((len(gt.labels),), -torch.inf).scatter_reduce(0, row, aligned, "amax")  # (G,)
    best_overlap = overlap.new_zeros(len(gt.labels)).scatter_reduce(0, row, overlap, "amax")
    share = (aligned - best_aligned[row]).exp()
    return Positives(image, location, row, share * best_overlap[row], share)
