"""Semantic segmentation, 12 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_default=_tasks["seg_default"])

int_inference_export_input_shape = dict(image=(1, 3, 512, 960))  # no boxes here, so no im_hw
