"""Accuracy of the class of whole images, and what they are taken for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mtzoo.evaluation.task_details import ImageScore, TaskDetails
from mtzoo.structures import Prediction, Sample


class Accuracy:
    """Top-1 accuracy of one task, in percent: of all images, of each class, and the mean over classes (balanced accuracy).

    A class without ground truth is NaN and leaves that mean.
    """

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        self.task, self.classes = task, tuple(classes)
        self.confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)

    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image; one without a label of the task is skipped."""
        label = sample.image_labels.get(self.task)
        if label is not None:
            self.confusion[label, prediction.classifications[self.task].label] += 1

    def merge(self, later: "Accuracy") -> None:
        self.confusion += later.confusion

    def compute(self) -> dict[str, float]:
        """{"top1", "balanced_accuracy", "top1/<class>"}, percent; all NaN if no image was counted."""
        hits, images = np.diag(self.confusion).astype(np.float64), self.confusion.sum(axis=1)
        of_class = np.divide(100 * hits, images, out=np.full_like(hits, np.nan), where=images > 0)
        total = images.sum()
        return {"top1": float(100 * hits.sum() / total) if total else float("nan"),
                "balanced_accuracy": float(np.nanmean(of_class)) if total else float("nan"),
                **{f"top1/{name}": float(value) for name, value in zip(self.classes, of_class)}}


class ImageAnswer(NamedTuple):
    """Of one image: indices of the true and of the predicted class."""

    truth: int
    predicted: int
    score: ImageScore


class ImageDetails(TaskDetails[ImageAnswer]):
    """Of one classification task: the confusion matrix of its images."""

    def measure(self, prediction: Prediction, sample: Sample) -> ImageAnswer:
        label, found = sample.image_labels[self.task], prediction.classifications[self.task]
        right, sure = label == found.label, float(found.probabilities[label])
        said = f"{self.classes[label]} taken for {self.classes[found.label]} ({100 * found.score:.0f} %)"
        return ImageAnswer(label, found.label, ImageScore(sample.path, 1.0 if right else sure, int(not right), said))

    def confusion(self) -> np.ndarray:
        """(K, K) int64 images, row = truth, column = prediction."""
        matrix = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        for answer in self.measured:
            matrix[answer.truth, answer.predicted] += 1
        return matrix

    def scores(self) -> list[ImageScore | None]:
        return [answer.score for answer in self.measured]

    def values(self) -> dict[str, object]:
        return {"classes": list(self.classes), "confusion": self.confusion().tolist()}
