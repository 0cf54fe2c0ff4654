"""UNet of a quarter of the width, on CamVid."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from ..common.schedules import _sgd_poly
    from .unet import fusion_bn_patterns, nodes, tasks

nodes["backbone"].update(channels=[16, 32, 64, 128, 128])
nodes["neck"].update(channels=[16, 16, 32, 64])
tasks["seg"].update(_seg)
solver = _sgd_poly(iterations=4_000, lr=0.05, weight_decay=1e-4, warmup_iterations=100)
