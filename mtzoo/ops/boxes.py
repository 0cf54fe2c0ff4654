"""Box geometry. Boxes are xyxy in pixels of the image they belong to.

N images, L locations, G ground truths, K classes.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mtzoo.ops.box_maps import RAW_LIMIT, box_strides


class Locations(NamedTuple):
    """Cell centres of all levels, finest first, row by row. centers: (L, 2) x, y in input pixels; strides: (L,)."""

    centers: Tensor
    strides: Tensor


def level_centers(height: int, width: int, stride: int, device: torch.device | None = None) -> Tensor:
    """(H * W, 2): the centres ((x + 0.5) * stride, (y + 0.5) * stride) of a map's cells in input pixels, row by row."""
    ys = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * stride
    xs = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * stride
    grid_y, grid_x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=-1).flatten(0, 1)  # (HW, 2)


def decode_distances(raw: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """Raw distances (N, L, 4) left, top, right, bottom -> boxes (N, L, 4): centre -+ stride * exp(raw)."""
    distances = raw.clamp(-RAW_LIMIT, RAW_LIMIT).exp() * strides[:, None]
    return torch.cat([centers - distances[..., :2], centers + distances[..., 2:]], dim=-1)


def encode_distances(boxes: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """The inverse of `decode_distances` for centres inside their boxes: (..., L, 4) raw distances."""
    distances = torch.cat([centers - boxes[..., :2], boxes[..., 2:] - centers], dim=-1)
    return (distances / strides[:, None]).log()


def flatten_levels(outputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Locations]:
    """One detection task's maps as rows: logits (N, L, K), boxes (N, L, 4) in input pixels, locations; all float32."""
    logits, raw, centers, strides = [], [], [], []
    for stride in box_strides(outputs):
        cls, box = outputs[f"cls_s{stride}"], outputs[f"box_s{stride}"]
        logits.append(cls.float().flatten(2).transpose(1, 2))  # (N, HW, K)
        raw.append(box.float().flatten(2).transpose(1, 2))  # (N, HW, 4)
        level = level_centers(*cls.shape[-2:], stride, cls.device)
        centers.append(level)
        strides.append(level.new_full((len(level),), stride))
    locations = Locations(torch.cat(centers), torch.cat(strides))
    return torch.cat(logits, 1), decode_distances(torch.cat(raw, 1), *locations), locations


def box_area(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...): zero for a box turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)


def intersection(first: Tensor, second: Tensor) -> Tensor:
    """(..., 4) and (..., 4), broadcast -> (...) areas in common."""
    ax1, ay1, ax2, ay2 = first.unbind(-1)
    bx1, by1, bx2, by2 = second.unbind(-1)
    width = torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)
    height = torch.minimum(ay2, by2) - torch.maximum(ay1, by1)
    return width.clamp(min=0) * height.clamp(min=0)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """(..., 4) and (..., 4), broadcast -> (...) intersection over union; zero for two empty boxes."""
    common = intersection(first, second)
    union = box_area(first) + box_area(second) - common
    return common / union.clamp(min=torch.finfo(common.dtype).tiny)


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """(..., A, 4) and (..., B, 4) -> (..., A, B) intersection over union: torchvision's box_iou, any leading dimensions."""
    return iou(first[..., :, None, :], second[..., None, :, :])


def pairwise_ioa(first: Tensor, second: Tensor) -> Tensor:
    """(..., A, 4) and (..., B, 4) -> (..., A, B) intersection over the area of `first`: 1 where it lies within."""
    common = intersection(first[..., :, None, :], second[..., None, :, :])
    return common / box_area(first)[..., :, None].clamp(min=torch.finfo(common.dtype).tiny)


def centers_inside(boxes: Tensor, centers: Tensor) -> Tensor:
    """Boxes (G, 4), centres (L, 2) -> (G, L) bool: the centre lies strictly inside the box."""
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)  # (G, 1) each
    x, y = centers.unbind(-1)
    return (x > x1) & (x < x2) & (y > y1) & (y < y2)


def clip_boxes(boxes: Tensor, image_hw: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) cut at the borders of an image of (height, width) pixels."""
    height, width = image_hw
    limit = boxes.new_tensor([width, height, width, height])
    return torch.minimum(boxes.clamp(min=0), limit)
