"""The loss of a task that classifies whole images."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtzoo.errors import UserError
from mtzoo.losses.labelled import attached_zero, labelled_rows
from mtzoo.registry import LOSSES
from mtzoo.structures import Batch


@LOSSES.register_module()
class ClassificationLoss(nn.Module):
    """Cross-entropy of the class of each image, mean over the labelled images. Computed in float32.

    Args:
        num_classes: The number of classes.
        class_weights: The weight of each class. The mean is weighted, as in `torch.nn.CrossEntropyLoss`.
        label_smoothing: The share (0 to 1) of label smoothing.
    """

    KIND = "classification"

    def __init__(self, *, num_classes: int, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if class_weights is not None and len(class_weights) != num_classes:
            raise UserError(f"class_weights: {len(class_weights)} values for {num_classes} classes; give one per class")
        if class_weights is not None and not all(0 < weight <= 1e6 for weight in class_weights):
            raise UserError(f"class_weights={list(class_weights)}: expected numbers above 0")
        if not 0.0 <= label_smoothing <= 1.0:
            raise UserError(f"label_smoothing={label_smoothing}: must be in 0..1")
        self.label_smoothing = label_smoothing
        weights = torch.ones(num_classes) if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, outputs: Mapping[str, Tensor], batch: Batch, task: str) -> dict[str, Tensor]:
        """outputs: {"logits": (N, K, 1, 1)}; batch.image_labels[task]: (N,) int64 -> {"loss_ce": scalar}.

        Samples without a label of the task add nothing; 0, with a graph, if none has one.
        """
        rows = labelled_rows(batch, task)
        if not rows:
            return {"loss_ce": attached_zero(outputs)}
        logits, labels = outputs["logits"].float().flatten(1)[rows], batch.image_labels[task][rows]
        return {"loss_ce": F.cross_entropy(logits, labels, self.class_weights, label_smoothing=self.label_smoothing)}
