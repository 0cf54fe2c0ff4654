"""Two networks on one image, resize for what is near and large, crop for what is far and small: their answers made one.

After Horizon's 4pe pair, which drops resize boxes that IoU and intersection over own area against the crop's show to be
duplicates or false. Here the better scored of two duplicates stays: a crop network is not always the better one. All
coordinates are original pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch

from mtzoo.errors import UserError
from mtzoo.ops.boxes import pairwise_ioa, pairwise_iou
from mtzoo.structures import Detections, Prediction, Xyxy


@dataclass(frozen=True)
class MergeRule:
    """Which of two boxes of one class stays, inside the crop's window and on its border.

    duplicate_iou: two boxes whose IoU reaches it are one thing; so is a resize box of whose own area a crop box covers the
    share duplicate_iog. Of duplicates the one of the higher score stays, where the crop box's counts crop_factor times: it sees
    more pixels. border: a crop box that comes so near to the window's border, in pixels, was cut by it: it displaces nothing,
    and goes if a resize box covers duplicate_iog of it. false_side, false_score: a resize box inside the window with both
    sides below false_side pixels, which no crop box touches with IoU 0.1, is false if it scores below false_score.
    """

    duplicate_iou: float = 0.5
    duplicate_iog: float = 0.9
    crop_factor: float = 1.0
    border: float = 4.0
    false_side: float = 32.0
    false_score: float = 0.1

    def __post_init__(self) -> None:
        for name in ("duplicate_iou", "duplicate_iog"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"{name}={getattr(self, name)} has to lie in 0..1, 0 excluded")
        if not 0 <= self.false_score <= 1:
            raise UserError(f"false_score={self.false_score} has to lie in 0..1")
        for name in ("crop_factor", "border", "false_side"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name}={getattr(self, name)}: a number of 0 or more is wanted")


CONFIRMING_IOU = 0.1


def merge(resize: Prediction, crop: Prediction, window: Xyxy, rule: MergeRule = MergeRule()) -> Prediction:
    """One prediction of both. window: what the crop network saw of the original, xyxy.

    Boxes by `rule`, sorted by falling score. Label maps: a task of both takes the pixelwise maximum inside the window, where
    0 is background, and the resize network's outside; a task of one network is taken as it is.
    """
    merged = Prediction({**crop.detections, **resize.detections}, {**crop.label_maps, **resize.label_maps})
    for task in resize.detections.keys() & crop.detections.keys():
        merged.detections[task] = merge_detections(resize.detections[task], crop.detections[task], window, rule)
    for task in resize.label_maps.keys() & crop.label_maps.keys():
        merged.label_maps[task] = merge_label_maps(resize.label_maps[task], crop.label_maps[task], window)
    return merged


def merge_label_maps(resize: np.ndarray, crop: np.ndarray, window: Xyxy) -> np.ndarray:
    """Both (H, W) uint8 of the original's size -> their maximum inside the window, `resize` outside."""
    x1, y1, x2, y2 = (round(v) for v in window)
    merged = resize.copy()
    merged[y1:y2, x1:x2] = np.maximum(resize[y1:y2, x1:x2], crop[y1:y2, x1:x2])
    return merged


def merge_detections(resize: Detections, crop: Detections, window: Xyxy, rule: MergeRule) -> Detections:
    """Boxes of one task: those of both, less one of each two that are duplicates, false resize boxes and cut pieces."""
    near, far = torch.from_numpy(resize.boxes), torch.from_numpy(crop.boxes)
    same_class = resize.labels[:, None] == crop.labels[None]  # (R, C)
    overlap = pairwise_iou(near, far).numpy() * same_class
    covered = pairwise_ioa(near, far).numpy() * same_class  # share of the resize box that the crop box covers
    piece = pairwise_ioa(far, near).numpy().T * same_class  # share of the crop box that the resize box covers

    cut = _touches_border(crop.boxes, window, rule.border)
    better = rule.crop_factor * crop.scores[None] >= resize.scores[:, None]
    same_thing = (overlap >= rule.duplicate_iou) & ~cut
    worse_resize = ((same_thing | (covered >= rule.duplicate_iog) & ~cut) & better).any(axis=1)
    worse_crop = (same_thing & ~better).any(axis=0) | (cut & (piece >= rule.duplicate_iog).any(axis=0))

    small = (resize.boxes[:, 2:] - resize.boxes[:, :2]).max(axis=1, initial=0) < rule.false_side
    unseen = ~(overlap >= CONFIRMING_IOU).any(axis=1)
    false = _inside(resize.boxes, window) & small & unseen & (resize.scores < rule.false_score)
    return _by_score([_rows(resize, ~worse_resize & ~false), _rows(crop, ~worse_crop)])


def _touches_border(boxes: np.ndarray, window: Xyxy, border: float) -> np.ndarray:
    x1, y1, x2, y2 = window
    inner = np.array([x1 + border, y1 + border, x2 - border, y2 - border])
    return (boxes[:, :2] <= inner[:2]).any(axis=1) | (boxes[:, 2:] >= inner[2:]).any(axis=1)


def _inside(boxes: np.ndarray, window: Xyxy) -> np.ndarray:
    return (boxes[:, :2] >= window[:2]).all(axis=1) & (boxes[:, 2:] <= window[2:]).all(axis=1)


def _rows(found: Detections, mask: np.ndarray) -> Detections:
    return Detections(found.boxes[mask], found.scores[mask], found.labels[mask])


def _by_score(parts: list[Detections]) -> Detections:
    boxes, scores, labels = (np.concatenate(arrays) for arrays in zip(*parts))
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes[order], scores[order], labels[order])
