"""All tasks' metrics over one or several validation sources."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mtzoo.evaluation.classification import Accuracy
from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.evaluation.segmentation import MeanIoU
from mtzoo.structures import Prediction, Sample
from mtzoo.task_kind import ByKind


class Metric(Protocol):
    """Of one task, over all images that are added."""

    def __init__(self, task: str, classes: Sequence[str]) -> None: ...

    def add(self, prediction: Prediction, sample: Sample) -> None:
        """Count one image, prediction and labels in original pixels."""

    def merge(self, later: "Metric") -> None:
        """Count the images of another metric of the same task, as if they were added after one's own."""

    def compute(self) -> dict[str, float]:
        """In percent: the `metrics` of its kind, and "<metric>/<class>" of its `class_metrics`; NaN without ground truth."""


METRICS: ByKind[type[Metric]] = ByKind({"detection": CocoBoxMetric, "segmentation": MeanIoU, "classification": Accuracy})


class Evaluator:
    """Metrics of every task over all images; with more than one source, per source as well.

    kinds: task -> its kind, see `mtzoo.task_kind`; classes: task -> class names.
    """

    def __init__(self, kinds: Mapping[str, str], classes: Mapping[str, Sequence[str]]) -> None:
        self.kinds, self.classes = dict(kinds), dict(classes)
        self._overall = self._new_metrics()
        self._per_source: dict[str, dict[str, Metric]] = {}
        self._labelled: dict[str, set[str]] = {task: set() for task in self._overall}

    def _new_metrics(self) -> dict[str, Metric]:
        return {task: METRICS[kind](task, self.classes[task]) for task, kind in self.kinds.items()}

    def update(self, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> None:
        """Count images: predictions and their samples' labels, all in original pixels. Unlabelled tasks are skipped."""
        for prediction, sample in zip(predictions, samples, strict=True):
            metrics = self._per_source.setdefault(sample.source, self._new_metrics())
            for task, metric in self._overall.items():
                if task in sample.labelled:
                    self._labelled[task].add(sample.source)
                    metric.add(prediction, sample)
                    metrics[task].add(prediction, sample)

    def merge(self, later: "Evaluator") -> None:
        """Count the images of another evaluator of the same tasks, as if `update` got them after one's own."""
        for task, metric in self._overall.items():
            metric.merge(later._overall[task])
            self._labelled[task] |= later._labelled[task]
        for source, found in later._per_source.items():
            metrics = self._per_source.setdefault(source, self._new_metrics())
            for task, metric in found.items():
                metrics[task].merge(metric)

    def compute(self) -> dict[str, float]:
        """Flat metrics in percent: "seg/mIoU", "seg/IoU/road", "det/AP50/person"; a task with several sources has
        "seg/<source>/mIoU" ... too. NaN is a class, or a task, without ground truth.
        """
        metrics = {}
        for task, metric in self._overall.items():
            metrics |= {f"{task}/{key}": value for key, value in metric.compute().items()}
            if len(self._labelled[task]) > 1:
                for source in sorted(self._labelled[task]):
                    values = self._per_source[source][task].compute()
                    metrics |= {f"{task}/{source}/{key}": value for key, value in values.items()}
        return metrics
