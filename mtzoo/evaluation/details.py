"""What an evaluation can show beside its metrics: confusion matrices, curves, the images that went worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtzoo.console import numbered
from mtzoo.evaluation.curves import STEPS, DetectionCurves, detection_curves
from mtzoo.evaluation.matching import ClassMatches, match_image
from mtzoo.evaluation.segmentation import confusion_matrix
from mtzoo.structures import Prediction, Sample


@dataclass(frozen=True)
class ImageScore:
    """How well a task went on one image. score: 0..1, mean IoU of the classes in it, or F1 of its boxes; errors: wrong pixels, missed
    boxes and false alarms; said: in words."""

    path: Path
    score: float
    errors: int
    said: str


class Details:
    """Collects them over the images of an evaluation. detection, segmentation: task -> class names."""

    def __init__(self, *, detection: Mapping[str, Sequence[str]], segmentation: Mapping[str, Sequence[str]]) -> None:
        self.detection, self.segmentation = dict(detection), dict(segmentation)
        self._confusion: dict[str, list[np.ndarray]] = {task: [] for task in self.segmentation}
        self._matches: dict[str, list[dict[int, ClassMatches]]] = {task: [] for task in self.detection}
        self._paths: dict[str, list[Path]] = {task: [] for task in (*self.detection, *self.segmentation)}

    def update(self, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> None:
        """As `Evaluator.update`."""
        for prediction, sample in zip(predictions, samples, strict=True):
            for task in self.detection.keys() & sample.boxes.keys():
                self._matches[task].append(match_image(sample.boxes[task], prediction.detections[task]))
                self._paths[task].append(sample.path)
            for task in self.segmentation.keys() & sample.masks.keys():
                classes = len(self.segmentation[task])
                self._confusion[task].append(confusion_matrix(sample.masks[task], prediction.label_maps[task], classes))
                self._paths[task].append(sample.path)

    def confusion(self, task: str) -> np.ndarray:
        """(K, K) int64 pixels of all images, row = truth, column = prediction."""
        classes = len(self.segmentation[task])
        return sum(self._confusion[task], np.zeros((classes, classes), dtype=np.int64))

    def curves(self, task: str) -> DetectionCurves:
        """Of a detection task."""
        return detection_curves(self._matches[task], self.detection[task])

    def worst(self, task: str, count: int) -> list[ImageScore]:
        """Of the images with labels of the task that went worst, the worst first."""
        if task in self.segmentation:
            scores = [image_iou(path, matrix) for path, matrix in zip(self._paths[task], self._confusion[task])]
        else:
            confidence = self.curves(task).confidence
            scores = [image_f1(path, found, confidence) for path, found in zip(self._paths[task], self._matches[task])]
        found = [score for score in scores if score is not None and score.score < 1]
        return sorted(found, key=lambda score: (score.score, -score.errors))[:count]

    def values(self) -> dict[str, dict[str, object]]:
        """All of it as plain data for JSON, by task."""
        found: dict[str, dict[str, object]] = {}
        for task, names in self.segmentation.items():
            found[task] = {"classes": list(names), "confusion": self.confusion(task).tolist()}
        for task in self.detection:
            curves = self.curves(task)
            found[task] = {"steps": STEPS.tolist(), "precision_by_recall": _lists(curves.precision),
                           "f1_by_confidence": _lists(curves.f1), "best_confidence": curves.confidence}
        return found


def image_iou(path: Path, confusion: np.ndarray) -> ImageScore | None:
    """Mean IoU of the classes that one image's truth has; None without labelled pixels. confusion: (K, K), of the image."""
    hits, truth = np.diag(confusion), confusion.sum(axis=1)
    there = truth > 0
    if not there.any():
        return None
    score = float((hits / np.maximum(truth + confusion.sum(axis=0) - hits, 1))[there].mean())
    return ImageScore(path, score, int(truth.sum() - hits.sum()), f"mean IoU {100 * score:.1f} %")


def image_f1(path: Path, classes: Mapping[int, ClassMatches], confidence: float) -> ImageScore | None:
    """F1 of one image's boxes over its classes, at a confidence; None where there is nothing to find and nothing is found."""
    sure = [matches._replace(found=matches.found[matches.scores >= confidence]) for matches in classes.values()]
    hits, detected = (sum(int(count(matches.found)) for matches in sure) for count in (np.sum, len))
    truths = sum(matches.truths for matches in sure)
    if not truths + detected:
        return None
    score = 2 * hits / (truths + detected)
    missed, alarms = truths - hits, detected - hits
    return ImageScore(path, score, missed + alarms, f"F1 {score:.2f}: {missed} of {truths} missed, {numbered(alarms, 'false alarm')}")


def _lists(curves: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    return {name: np.round(values, 4).tolist() for name, values in curves.items()}
