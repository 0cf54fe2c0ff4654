"""Metrics in original pixels: COCO AP of boxes, mean IoU of label maps."""

from mtzoo.evaluation.detection import CocoBoxMetric
from mtzoo.evaluation.evaluator import Evaluator
from mtzoo.evaluation.segmentation import MeanIoU
from mtzoo.evaluation.table import format_table

__all__ = ["CocoBoxMetric", "Evaluator", "MeanIoU", "format_table"]
