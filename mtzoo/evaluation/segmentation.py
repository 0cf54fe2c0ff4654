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

    def merge(self, later: "MeanIoU") -> None:
        self.confusion += later.confusion

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


class CellCounts:
    """A mask counted by the cells of a label map: of how many of a cell's pixels each class is the truth.

    Where many label maps of one image are scored, each then costs as much as it has cells, not pixels.
    """

    def __init__(self, mask: np.ndarray, cells: np.ndarray, num_cells: int, num_classes: int) -> None:
        """mask: (H, W) uint8 truth; cells: (H, W) integers, the cell that each pixel takes its label from, -1 for label 0.

        Raises ValueError on a label outside the classes.
        """
        known = mask != IGNORE
        if known.any() and mask[known].max() >= num_classes:
            raise ValueError(f"labels outside of 0..{num_classes - 1} in mask")
        pairs = np.bincount((cells[known].astype(np.int64) + 1) * num_classes + mask[known],
                            minlength=(num_cells + 1) * num_classes)
        self.num_classes = num_classes
        self.pairs = np.flatnonzero(pairs)
        self.counts = pairs[self.pairs]

    def confusion(self, label_map: np.ndarray) -> np.ndarray:
        """(K, K) as `confusion_matrix` counts it. label_map: (h, w) uint8 of the cells."""
        labels = np.concatenate([[0], label_map.ravel()])  # first the pixels outside of the map
        cell, truth = np.divmod(self.pairs, self.num_classes)
        matrix = np.bincount(truth * self.num_classes + labels[cell], weights=self.counts, minlength=self.num_classes**2)
        return matrix.astype(np.int64).reshape(self.num_classes, self.num_classes)
