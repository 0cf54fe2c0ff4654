"""Fast-SCNN on CamVid, from random weights, with a teacher: --distill-from zoo:seg_camvid_mobilenetv2."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from ..common.schedules import _adamw_ema
    from .fastscnn import fusion_bn_patterns, nodes, tasks
    from .seg_camvid import augmentation

tasks["seg"].update(_seg)
solver = _adamw_ema(iterations=4_000)
