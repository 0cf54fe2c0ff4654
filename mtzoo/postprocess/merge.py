"""Two networks on one image, resize for what is near and large, crop for what is far and small: their answers made one.

After Horizon's 4pe pair, which drops resize boxes that IoU and intersection over own area against the crop's show to be
duplicates or false. Here the better scored of two duplicates stays: a crop network is not always the better one. Its box is
the mean of both, after weighted boxes fusion (arXiv 1910.13302). All coordinates are original pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mtzoo.errors import UserError
from mtzoo.structures import Detections, DistinctRows, Enlargeable, LabelMaps, Prediction, Xyxy, distinct_rows


@dataclass(frozen=True)
class MergeRule:
    """Which of two boxes of the same class stays, inside the crop's window and at its border.

    Attributes:
        duplicate_iou: Two boxes with at least this IoU are the same object. The one with the higher score stays.
        average: The box that stays becomes the mean of all that are the same object, weighted by the square of the score. Its score
            stays.
        duplicate_iog: A resize box is also a duplicate if a crop box covers this share of its area. A resize box of which the window
            shows less is an object that the crop network cannot see whole: it stays, and crop boxes with an IoU of `duplicate_iou` with
            what the window shows of it are removed.
        crop_factor: The score of a crop box counts this many times in the comparison and in the mean, because the crop network sees
            more pixels.
        border: A crop box this close (in pixels) to the border of the window was cut by it. It removes nothing, and is removed if a
            resize box covers `duplicate_iog` of it.
        false_side: A resize box inside the window with both sides below this many pixels may be false.
        false_score: Such a box is removed if its score is lower and no crop box has an IoU of 0.1 with it.

    Raises:
        UserError: A value is impossible.
    """

    duplicate_iou: float = 0.5
    average: bool = True
    duplicate_iog: float = 0.9
    crop_factor: float = 1.0
    border: float = 4.0
    false_side: float = 32.0
    false_score: float = 0.1

    def __post_init__(self) -> None:
        for name in ("duplicate_iou", "duplicate_iog"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"{name}={getattr(self, name)} must be in 0..1, 0 excluded")
        if not 0 <= self.false_score <= 1:
            raise UserError(f"false_score={self.false_score} must be in 0..1")
        for name in ("crop_factor", "border", "false_side"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name}={getattr(self, name)}: expected a number of 0 or more")


CONFIRMING_IOU = 0.1


def merge(resize: Prediction, crop: Prediction, window: Xyxy, rule: MergeRule = MergeRule()) -> Prediction:
    """Merge the predictions of a resize and a crop network for one image.

    Boxes are merged by `rule`. The label map of a task of both is the pixelwise maximum inside the window (0 is background), and that
    of the resize network outside. It is computed when it is read. The class of a whole image is that of the resize network. Tasks of
    only one network are taken over.

    Args:
        resize: The prediction of the resize network.
        crop: The prediction of the crop network.
        window: The part of the image that the crop network saw, xyxy in pixels.
        rule: The thresholds.

    Returns:
        One prediction, boxes sorted by falling score.
    """
    near, far = resize.label_maps.sources, crop.label_maps.sources
    merged = Prediction({**crop.detections, **resize.detections}, LabelMaps({**far, **near}),
                        {**crop.classifications, **resize.classifications})
    both = [task for task in resize.detections if task in crop.detections]
    merged.detections |= _merge_tasks([resize.detections[task] for task in both], [crop.detections[task] for task in both], both,
                                      window, rule)
    for task in near.keys() & far.keys():
        merged.label_maps[task] = MergedLabelMap(near[task], far[task], window)
    return merged


@dataclass(frozen=True)
class MergedLabelMap:
    """Of a task of both networks. window: what the crop network saw, xyxy in original pixels."""

    resize: np.ndarray | Enlargeable
    crop: np.ndarray | Enlargeable
    window: Xyxy

    def distinct_rows(self, unseen: int = 0) -> DistinctRows:
        """Every row of the original, since those of the two networks rarely begin together: the larger label of both inside the window,
        the resize network's outside. unseen: the label of pixels that neither network was shown."""
        merged = self.resize.copy() if isinstance(self.resize, np.ndarray) else self.resize.distinct_rows(unseen).enlarged()
        far = distinct_rows(self.crop, unseen)
        x1, y1, x2, y2 = (round(v) for v in self.window)
        inside, least = merged[y1:y2, x1:x2], np.uint8(unseen)
        inside -= least  # modulo 256, so that any label is larger than that of unseen pixels
        np.maximum(inside, (far.rows[:, x1:x2] - least).take(far.index[y1:y2], axis=0), out=inside)
        inside += least
        return distinct_rows(merged)


def _merge_tasks(resize: Sequence[Detections], crop: Sequence[Detections], tasks: Sequence[str], window: Xyxy,
                 rule: MergeRule) -> dict[str, Detections]:
    """The tasks' boxes merged at once: each class of each task has a number of its own."""
    if not tasks:
        return {}
    classes = 1 + max(int(found.labels.max(initial=0)) for found in (*resize, *crop))
    result = merge_detections(_stacked(resize, classes), _stacked(crop, classes), window, rule)
    numbers, labels = np.divmod(result.labels, classes)
    rows = [numbers == number for number in range(len(tasks))]
    return {task: Detections(result.boxes[own], result.scores[own], labels[own]) for task, own in zip(tasks, rows)}


def _stacked(tasks: Sequence[Detections], classes: int) -> Detections:
    labels = [found.labels + number * classes for number, found in enumerate(tasks)]
    return Detections(np.concatenate([found.boxes for found in tasks]), np.concatenate([found.scores for found in tasks]),
                      np.concatenate(labels))


def merge_detections(resize: Detections, crop: Detections, window: Xyxy, rule: MergeRule) -> Detections:
    """Boxes of one task: those of both, less one of each two that are duplicates, false resize boxes and cut pieces."""
    near, far, common = _meeting(resize, crop)
    overlap, covered, piece = _shares(common, _areas(resize.boxes)[near], _areas(crop.boxes)[far])
    part = _seen_in_part(resize.boxes[near], crop.boxes[far], window, rule)
    cut = _touches_border(crop.boxes, window, rule.border)[far] | part
    better = rule.crop_factor * crop.scores[far] >= resize.scores[near]
    same_thing = (overlap >= rule.duplicate_iou) & ~cut
    worse_resize = (same_thing | (covered >= rule.duplicate_iog) & ~cut) & better
    worse_crop = same_thing & ~better | cut & (piece >= rule.duplicate_iog) | part

    small = (resize.boxes[:, 2:] - resize.boxes[:, :2]).max(axis=1, initial=0) < rule.false_side
    left = ~(_inside(resize.boxes, window) & small & (resize.scores < rule.false_score))
    left[near[overlap >= CONFIRMING_IOU]] = True
    left[near[worse_resize]] = False
    crop_left = np.ones(len(crop.boxes), dtype=bool)
    crop_left[far[worse_crop]] = False
    if rule.average:
        ours, theirs = same_thing & left[near] & ~crop_left[far], same_thing & crop_left[far] & ~left[near]
        resize, crop = (_averaged(resize, crop, near[ours], far[ours], overlap[ours], (1.0, rule.crop_factor)),
                        _averaged(crop, resize, far[theirs], near[theirs], overlap[theirs], (rule.crop_factor, 1.0)))
    return _by_score([_rows(resize, left), _rows(crop, crop_left)])


def _averaged(kept: Detections, lost: Detections, rows: np.ndarray, lost_rows: np.ndarray, overlap: np.ndarray,
              factors: tuple[float, float]) -> Detections:
    """`kept` with the mean of all boxes of one object for its box. rows, lost_rows, overlap: (P,) pairs of one object and their IoU.

    A lost box counts for the one box that it overlaps most. factors: of the scores of both.
    """
    first = np.argsort(-overlap, kind="stable")
    first = first[np.unique(lost_rows[first], return_index=True)[1]]
    rows, lost_rows = rows[first], lost_rows[first]
    weights = np.square(factors[1] * lost.scores[lost_rows], dtype=np.float64)
    total = np.square(factors[0] * kept.scores, dtype=np.float64)
    np.add.at(total, rows, weights)
    shift = np.zeros(kept.boxes.shape)
    np.add.at(shift, rows, weights[:, None] * (lost.boxes[lost_rows] - kept.boxes[rows]))
    return kept._replace(boxes=kept.boxes + (shift / np.maximum(total, np.finfo(total.dtype).tiny)[:, None]).astype(np.float32))


def _meeting(resize: Detections, crop: Detections) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P,) each, of the P pairs of one class that overlap at all: the row of the first box, that of the second, the area in common."""
    near, far = np.nonzero(resize.labels[:, None] == crop.labels)
    first, second = (np.ascontiguousarray(found.boxes.T) for found in (resize, crop))
    width, height = (np.minimum(first[i + 2][near], second[i + 2][far]) - np.maximum(first[i][near], second[i][far]) for i in (0, 1))
    meet = (width > 0) & (height > 0)
    return near[meet], far[meet], width[meet] * height[meet]


def _seen_in_part(resize: np.ndarray, crop: np.ndarray, window: Xyxy, rule: MergeRule) -> np.ndarray:
    """(P,) whether the crop's box is what the window shows of the resize box, less than `duplicate_iog` of it. resize, crop: (P, 4)."""
    corners = np.array(window, resize.dtype)
    shown = np.clip(resize.reshape(-1, 2, 2), corners[:2], corners[2:]).reshape(-1, 4)
    common = _areas(np.concatenate([np.maximum(shown[:, :2], crop[:, :2]), np.minimum(shown[:, 2:], crop[:, 2:])], axis=1))
    overlap, _, _ = _shares(common, _areas(shown), _areas(crop))
    return (_areas(shown) < rule.duplicate_iog * _areas(resize)) & (overlap >= rule.duplicate_iou)


def _areas(boxes: np.ndarray) -> np.ndarray:
    """(N, 4) -> (N,): zero for a box turned inside out."""
    width, height = np.maximum(boxes[:, 2:] - boxes[:, :2], 0).T
    return width * height


def _shares(common: np.ndarray, near: np.ndarray, far: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas (P,) in common and of both boxes of each pair -> (P,) each: IoU, share of the first box that the second covers, and the
    other way round. Equal to `mtzoo.ops.boxes`; in NumPy, because torch takes longer for so few boxes.
    """
    tiny = np.finfo(common.dtype).tiny
    return common / np.maximum(near + far - common, tiny), common / np.maximum(near, tiny), common / np.maximum(far, tiny)


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
