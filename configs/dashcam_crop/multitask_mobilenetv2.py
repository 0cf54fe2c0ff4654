"""dashcam_crop on MobileNetV2.

    mtzoo train --config dashcam_crop/multitask_mobilenetv2 --checkpoint zoo:dashcam_resize_mobilenetv2
"""

from mmengine.config import read_base

with read_base():
    from ..common.mobilenetv2 import _mobilenetv2
    from ..common.schedules import _adamw
    from .multitask import *

for _node in _mobilenetv2:
    nodes[_node] = _mobilenetv2[_node]

# The backbone starts from trained weights.
solver[0]["float_phase"]["optimizer"] = dict(_adamw, multipliers=dict(backbone=dict(lr=0.25)))

# Calibration that clips outliers loses least: docs/zoo_measured.md.
quantization["observer"] = "mse"
