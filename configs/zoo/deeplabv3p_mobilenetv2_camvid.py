"""DeepLabV3+ on MobileNetV2 with ASPP and decoder, on CamVid, from ImageNet weights."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *
    from ..common.schedules import _sgd_poly
    from .deeplabv3p_mobilenetv2_full import fusion_bn_patterns, nodes, tasks

tasks["seg"].update(_seg)
solver = _sgd_poly(iterations=3_000, lr=0.02, weight_decay=1e-4, warmup_iterations=100)
# Calibration that clips outliers loses least: docs/zoo_measured.md.
quantization = dict(observer="mse")
