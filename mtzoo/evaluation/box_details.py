"""Of a detection task: curves over all confidences, and F1 of each image."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mtzoo.console import numbered
from mtzoo.evaluation.curves import STEPS, DetectionCurves, detection_curves
from mtzoo.evaluation.matching import ClassMatches, match_image
from mtzoo.evaluation.task_details import ImageScore, TaskDetails
from mtzoo.structures import Prediction, Sample


class BoxDetails(TaskDetails[dict[int, ClassMatches]]):
    """Of one detection task."""

    def measure(self, prediction: Prediction, sample: Sample) -> dict[int, ClassMatches]:
        return match_image(sample.boxes[self.task], prediction.detections[self.task])

    def curves(self) -> DetectionCurves:
        return detection_curves(self.measured, self.classes)

    @property
    def min_score(self) -> float:
        """The confidence of the best F1."""
        return self.curves().confidence

    def scores(self) -> list[ImageScore | None]:
        confidence = self.min_score
        return [image_f1(path, found, confidence) for path, found in zip(self.paths, self.measured)]

    def values(self) -> dict[str, object]:
        curves = self.curves()
        return {"steps": STEPS.tolist(), "precision_by_recall": _lists(curves.precision), "f1_by_confidence": _lists(curves.f1),
                "best_confidence": curves.confidence}


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
