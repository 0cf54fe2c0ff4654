"""Which boxes of an image are found, as COCO's tools decide it at an IoU of 0.5."""

from typing import NamedTuple

import numpy as np
import torch

from mtzoo.ops.boxes import pairwise_ioa, pairwise_iou
from mtzoo.structures import Boxes, Detections

MATCHED = 0.5
"""IoU from which on a detection finds a box."""
MAX_DETECTIONS = 100
"""Of a class in an image, as COCO counts."""
SCORE_DECIMALS = 6


class ClassMatches(NamedTuple):
    """One class in one image. scores: (D,) of its detections, falling; found: (D,) bool, whether each finds a box; detections inside of
    ignore regions are left out; truths: boxes to be found."""

    scores: np.ndarray
    found: np.ndarray
    truths: int


def match_image(truth: Boxes, detections: Detections) -> dict[int, ClassMatches]:
    """Class -> its matches, for the classes that the image's source labels. Boxes and detections in the same pixels."""
    return {int(k): _match_class(truth.xyxy[truth.labels == k], truth.ignore[truth.labels == k],
                                 detections.boxes[detections.labels == k], comparable(detections.scores[detections.labels == k]))
            for k in np.flatnonzero(truth.known)}


def comparable(scores: np.ndarray) -> np.ndarray:
    """(D,) scores as float64, equal for boxes of equal logits. A logit's sigmoid differs in its last bit from runtime to runtime,
    and in torch from place to place; among the many equal logits of integers that would decide which box ranks first."""
    return np.round(scores.astype(np.float64), SCORE_DECIMALS)


def _match_class(boxes: np.ndarray, ignore: np.ndarray, detected: np.ndarray, scores: np.ndarray) -> ClassMatches:
    """The best detection first takes the box that it overlaps most, of those that are free. Those that find none and lie in an ignore
    region count for nothing."""
    order = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
    detected, scores = detected[order], scores[order]
    overlap = iou(detected, boxes[~ignore])  # (D, G)
    inside = (share_of_first(detected, boxes[ignore]) >= MATCHED).any(axis=1)  # (D,)
    found = np.zeros(len(scores), dtype=bool)
    free = np.ones(overlap.shape[1], dtype=bool)
    for i, row in enumerate(overlap):
        candidates = np.where(free, row, 0.0)
        if len(candidates) and candidates.max() >= MATCHED:
            free[len(row) - 1 - int(candidates[::-1].argmax())] = False  # the last among equals, as in COCO's tools
            found[i] = True
    counted = found | ~inside
    return ClassMatches(scores[counted], found[counted], int((~ignore).sum()))


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(D, 4) and (G, 4) xyxy -> (D, G)."""
    return pairwise_iou(_exact(first), _exact(second)).numpy()


def share_of_first(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(D, 4) and (G, 4) xyxy -> (D, G): how much of the first lies in the second."""
    return pairwise_ioa(_exact(first), _exact(second)).numpy()


def _exact(boxes: np.ndarray) -> torch.Tensor:
    """In float64, as COCO's tools compute."""
    return torch.from_numpy(boxes.astype(np.float64))
