"""What an evaluation can show beside its metrics: confusion matrices, curves, the images that went worst."""

from collections.abc import Mapping, Sequence

from mtzoo.evaluation.box_details import BoxDetails
from mtzoo.evaluation.classification import ImageDetails
from mtzoo.evaluation.mask_details import MaskDetails
from mtzoo.evaluation.task_details import TaskDetails
from mtzoo.structures import Prediction, Sample
from mtzoo.task_kind import ByKind

DETAILS: ByKind[type[TaskDetails]] = ByKind({"detection": BoxDetails, "segmentation": MaskDetails,
                                               "classification": ImageDetails})


class Details:
    """Collects them over the images of an evaluation. kinds: task -> its kind; classes: task -> class names."""

    def __init__(self, kinds: Mapping[str, str], classes: Mapping[str, Sequence[str]]) -> None:
        self.tasks: dict[str, TaskDetails] = {task: DETAILS[kind](task, classes[task]) for task, kind in kinds.items()}

    def update(self, predictions: Sequence[Prediction], samples: Sequence[Sample]) -> None:
        """As `Evaluator.update`."""
        for prediction, sample in zip(predictions, samples, strict=True):
            for task in self.tasks.keys() & sample.labelled:
                self.tasks[task].add(prediction, sample)

    def merge(self, later: "Details") -> None:
        """As `Evaluator.merge`."""
        for task, details in self.tasks.items():
            details.merge(later.tasks[task])
