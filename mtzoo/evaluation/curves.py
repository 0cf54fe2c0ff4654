"""Precision, recall and F1 of a detection task over all confidences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mtzoo.evaluation.matching import ClassMatches

STEPS = np.linspace(0, 1, 101)
"""Of recall, as COCO's tools take them, and of confidence."""


@dataclass(frozen=True)
class DetectionCurves:
    """At an IoU of 0.5, of the classes that have ground truth. precision: class -> (101,) by recall, the best at that recall or a
    higher one; f1: class -> (101,) by confidence; both at STEPS."""

    precision: Mapping[str, np.ndarray]
    f1: Mapping[str, np.ndarray]

    @property
    def confidence(self) -> float:
        """Where the mean F1 over classes is best; 0 without ground truth."""
        return float(STEPS[np.mean(list(self.f1.values()), axis=0).argmax()]) if self.f1 else 0.0


def detection_curves(images: Sequence[Mapping[int, ClassMatches]], classes: Sequence[str]) -> DetectionCurves:
    """images: of each what `match_image` says."""
    precision, f1 = {}, {}
    for k, name in enumerate(classes):
        own = [image[k] for image in images if k in image]
        truths = sum(matches.truths for matches in own)
        if truths:
            scores = np.concatenate([matches.scores for matches in own])
            found = np.concatenate([matches.found for matches in own])
            order = np.argsort(-scores, kind="stable")
            precision[name], f1[name] = _curves(scores[order], found[order], truths)
    return DetectionCurves(precision, f1)


def _curves(scores: np.ndarray, found: np.ndarray, truths: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision by recall and F1 by confidence. scores: (D,), falling."""
    hits, alarms = np.cumsum(found), np.cumsum(~found)
    recall, precision = hits / truths, hits / np.maximum(hits + alarms, 1)
    best = np.maximum.accumulate(precision[::-1])[::-1] if len(precision) else precision
    at = np.searchsorted(recall, STEPS, side="left")
    by_recall = np.append(best, 0.0)[at]
    f1 = np.append(0.0, 2 * hits / (hits + alarms + truths))
    return by_recall, f1[np.searchsorted(-scores, -STEPS, side="right")]
