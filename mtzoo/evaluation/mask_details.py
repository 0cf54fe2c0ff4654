"""Of a segmentation task: the confusion matrix of its pixels, and mean IoU of each image."""

from pathlib import Path

import numpy as np

from mtzoo.evaluation.segmentation import confusion_matrix
from mtzoo.evaluation.task_details import ImageScore, TaskDetails
from mtzoo.structures import Prediction, Sample


class MaskDetails(TaskDetails[np.ndarray]):
    """Of one segmentation task."""

    def measure(self, prediction: Prediction, sample: Sample) -> np.ndarray:
        return confusion_matrix(sample.masks[self.task], prediction.label_maps[self.task], len(self.classes))

    def confusion(self) -> np.ndarray:
        """(K, K) int64 pixels of all images, row = truth, column = prediction."""
        return sum(self.measured, np.zeros((len(self.classes), len(self.classes)), dtype=np.int64))

    def scores(self) -> list[ImageScore | None]:
        return [image_iou(path, matrix) for path, matrix in zip(self.paths, self.measured)]

    def values(self) -> dict[str, object]:
        return {"classes": list(self.classes), "confusion": self.confusion().tolist()}


def image_iou(path: Path, confusion: np.ndarray) -> ImageScore | None:
    """Mean IoU of the classes that one image's truth has; None without labelled pixels. confusion: (K, K), of the image."""
    hits, truth = np.diag(confusion), confusion.sum(axis=1)
    there = truth > 0
    if not there.any():
        return None
    score = float((hits / np.maximum(truth + confusion.sum(axis=0) - hits, 1))[there].mean())
    return ImageScore(path, score, int(truth.sum() - hits.sum()), f"mean IoU {100 * score:.1f} %")
