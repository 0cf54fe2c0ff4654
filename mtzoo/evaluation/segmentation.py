"""Mean intersection over union."""

from collections.abc import Sequence

import numpy as np

from mtzoo.structures import IGNORE, Prediction, Sample


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """(K, K) int64 pixel counts, row = truth, column = prediction; IGNORE pixels of the truth do not count.

    truth, predicted: uint8 of one shape. Raises ValueError on another shape or on a label outside the classes.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"label map of {predicted.shape} pixels against a mask of {truth.shape}")
    pairs = np.bincount(truth.ravel().astype(np.int32) * 256 + predicted.ravel(), minlength=256 * 256)
    pairs = pairs.reshape(256, 256)[:IGNORE]
    if pairs.sum() != pairs[:num_classes, :num_classes].sum():
        raise ValueError(f"labels outside of 0..{num_classes - 1} in mask or prediction")
    return pairs[:num_classes, :num_classes]


class MeanIoU:
    """IoU of one task from a confusion matrix pooled over all images; percent.

    A class found neither in ground truth nor in predictions is NaN and leaves the mean; one only predicted is 0.
    """

    def __init__(self, task: str, classes: Sequence[str]) -> None:
        self.task, self.classes = task, tuple(classes)
        self.confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)

    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image, mask and label map both in original pixels. An image without a mask of the task is skipped.

        Raises ValueError if the sample is not in original pixels.
        """
        mask = sample.masks.get(self.task)
        if mask is None:
            return
        if mask.shape != tuple(sample.original_hw):
            raise ValueError(f"{sample.path}: {self.task}: mask of {mask.shape} pixels, the original has "
                             f"{tuple(sample.original_hw)}; metrics want masks in original pixels")
        self.confusion += confusion_matrix(mask, prediction.label_maps[self.task], len(self.classes))

    def compute(self) -> dict[str, float]:
        """{"mIoU", "pixel_accuracy", "IoU/<class>"}, percent; all NaN if no pixel was counted."""
        hits = np.diag(self.confusion).astype(np.float64)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        iou = np.divide(100 * hits, union, out=np.full_like(hits, np.nan), where=union > 0)
        total = self.confusion.sum()
        found = iou[~np.isnan(iou)]
        return {
            "mIoU": float(found.mean()) if len(found) else float("nan"),
            "pixel_accuracy": float(100 * hits.sum() / total) if total else float("nan"),
            **{f"IoU/{name}": float(value) for name, value in zip(self.classes, iou)},
        }
