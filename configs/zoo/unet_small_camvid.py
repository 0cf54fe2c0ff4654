"""UNet of a quarter of the width, on CamVid, from random weights, with a teacher: --distill-from zoo:seg_camvid_mobilenetv2."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from ..common.schedules import _adamw_ema
    from .seg_camvid import augmentation
    from .unet import fusion_bn_patterns, nodes, tasks

nodes["backbone"].update(channels=[16, 32, 64, 128, 128])
nodes["neck"].update(channels=[16, 16, 32, 64])
tasks["seg"].update(_seg)
solver = _adamw_ema(iterations=4_000)
