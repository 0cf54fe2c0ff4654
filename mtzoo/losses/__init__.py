"""Loss functions of one task: `loss(outputs, batch, task) -> {"loss_x": scalar}`; importing registers them."""

from mtzoo.losses.balance import FixedBalance, UncertaintyBalance
from mtzoo.losses.classification import ClassificationLoss
from mtzoo.losses.detection import DetectionLoss
from mtzoo.losses.labelled import is_labelled
from mtzoo.losses.segmentation import SegmentationLoss

__all__ = ["ClassificationLoss", "DetectionLoss", "FixedBalance", "SegmentationLoss", "UncertaintyBalance", "is_labelled"]
