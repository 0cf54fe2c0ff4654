"""FCN on HRNet-W18 (arXiv 1908.07919), on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="HRNet", width=18),
    neck=dict(type="ResizeConcat", inputs=["backbone"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], kernel_size=1)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=4, upsample=4),
))

solver = _sgd_poly(weight_decay=5e-4)
fusion_bn_patterns = {1: ["nodes.backbone.*"], 2: ["nodes.*"]}
