"""Lane paint and curbs, 4 classes, far away."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_lane=_tasks["seg_lane"])

int_inference_export_input_shape = dict(image=(1, 3, 448, 1280))  # no boxes here, so neither im_hw nor crop_xy
