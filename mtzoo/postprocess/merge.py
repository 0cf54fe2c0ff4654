"""Two networks on one image, resize for what is near and large, crop for what is far and small: their answers made one.

The rules are those of Horizon's 4pe pair; all coordinates are original pixels.
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

    duplicate_iou: a resize box whose IoU with a crop box reaches it goes. duplicate_iog: so does one of whose own area a crop
    box covers that share; and a crop box cut by the window's border goes if a resize box covers that share of it.
    border: a crop box that comes so near to the window's border, in pixels, was cut by it. false_side, false_score: a resize
    box inside the window with both sides below false_side pixels, which no crop box touches with IoU 0.1, is false if it
    scores below false_score: the crop network sees such things better.
    """

    duplicate_iou: float = 0.5
    duplicate_iog: float = 0.7
    border: float = 4.0
    false_side: float = 64.0
    false_score: float = 0.3

    def __post_init__(self) -> None:
        for name in ("duplicate_iou", "duplicate_iog"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"{name}={getattr(self, name)} has to lie in 0..1, 0 excluded")
        if not 0 <= self.false_score <= 1:
            raise UserError(f"false_score={self.false_score} has to lie in 0..1")
        for name in ("border", "false_side"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name}={getattr(self, name)}: a number of pixels, 0 or more, is wanted")


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
    """Boxes of one task: the resize network's less its duplicates and false ones, the crop's less its cut pieces."""
    near, far = torch.from_numpy(resize.boxes), torch.from_numpy(crop.boxes)
    same_class = torch.from_numpy(resize.labels[:, None] == crop.labels[None])  # (R, C)
    overlap = pairwise_iou(near, far) * same_class
    covered = pairwise_ioa(near, far) * same_class  # share of the resize box that a crop box covers
    piece = (pairwise_ioa(far, near).T * same_class).numpy()  # share of the crop box that a resize box covers
    overlap, covered = overlap.numpy(), covered.numpy()

    cut = _touches_border(crop.boxes, window, rule.border)
    whole = ~cut[None]
    duplicate = ((overlap >= rule.duplicate_iou) | (covered >= rule.duplicate_iog)) & whole
    reached = _reaches_into(resize.boxes, window)
    unseen = ~(overlap >= CONFIRMING_IOU).any(axis=1)
    small = (resize.boxes[:, 2:] - resize.boxes[:, :2]).max(axis=1, initial=0) < rule.false_side
    false = _inside(resize.boxes, window) & small & unseen & (resize.scores < rule.false_score)
    stays = ~(reached & duplicate.any(axis=1)) & ~false
    is_piece = cut & (piece[stays] >= rule.duplicate_iog).any(axis=0)
    return _by_score([_rows(resize, stays), _rows(crop, ~is_piece)])


def _touches_border(boxes: np.ndarray, window: Xyxy, border: float) -> np.ndarray:
    x1, y1, x2, y2 = window
    inner = np.array([x1 + border, y1 + border, x2 - border, y2 - border])
    return (boxes[:, :2] <= inner[:2]).any(axis=1) | (boxes[:, 2:] >= inner[2:]).any(axis=1)


def _reaches_into(boxes: np.ndarray, window: Xyxy) -> np.ndarray:
    x1, y1, x2, y2 = window
    return (boxes[:, 0] < x2) & (boxes[:, 2] > x1) & (boxes[:, 1] < y2) & (boxes[:, 3] > y1)


def _inside(boxes: np.ndarray, window: Xyxy) -> np.ndarray:
    return (boxes[:, :2] >= window[:2]).all(axis=1) & (boxes[:, 2:] <= window[2:]).all(axis=1)


def _rows(found: Detections, mask: np.ndarray) -> Detections:
    return Detections(found.boxes[mask], found.scores[mask], found.labels[mask])


def _by_score(parts: list[Detections]) -> Detections:
    boxes, scores, labels = (np.concatenate(arrays) for arrays in zip(*parts))
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes[order], scores[order], labels[order])
