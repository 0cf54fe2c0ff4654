"""dashcam_resize on MobileNetV2.

    mtzoo train --config dashcam_resize/multitask_mobilenetv2 --checkpoint zoo:seg_camvid_mobilenetv2
"""

from mmengine.config import read_base

with read_base():
    from ..common.mobilenetv2 import _on_mobilenetv2
    from .multitask import *

_on_mobilenetv2(nodes, solver, quantization)
