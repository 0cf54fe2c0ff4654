"""Accuracy of the class of whole images, and what they are taken for."""

from collections.abc import Sequence

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

    def compute(self) -> dict[str, float]:
        """{"top1", "balanced_accuracy", "top1/<class>"}, percent; all NaN if no image was counted."""
        hits, images = np.diag(self.confusion).astype(np.float64), self.confusion.sum(axis=1)
        of_class = np.divide(100 * hits, images, out=np.full_like(hits, np.nan), where=images > 0)
        total = images.sum()
        return {"top1": float(100 * hits.sum() / total) if total else float("nan"),
                "balanced_accuracy": float(np.nanmean(of_class)) if total else float("nan"),
                **{f"top1/{name}": float(value) for name, value in zip(self.classes, of_class)}}


class ImageDetails(TaskDetails):
    """Of one classification task: the confusion matrix of its images."""

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        super().__init__(task, classes)
        self.confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        self._scores: list[ImageScore | None] = []

    def add(self, prediction: Prediction, sample: Sample) -> None:
        label, found = sample.image_labels[self.task], prediction.classifications[self.task]
        self.confusion[label, found.label] += 1
        right, sure = label == found.label, float(found.probabilities[label])
        said = f"{self.classes[label]} taken for {self.classes[found.label]} ({100 * found.score:.0f} %)"
        self._scores.append(ImageScore(sample.path, 1.0 if right else sure, int(not right), said))

    def scores(self) -> list[ImageScore | None]:
        return self._scores

    def values(self) -> dict[str, object]:
        return {"classes": list(self.classes), "confusion": self.confusion.tolist()}
