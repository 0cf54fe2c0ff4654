"""UNet (arXiv 1505.04597) on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="UNetEncoder"),
    neck=dict(type="UNetDecoder", inputs=["backbone"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], depth=0, classifier_kernel=3)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample=1),
    labels=dict(stride=1, upsample=1),
))

solver = _sgd_poly(iterations=160_000, batch_size=16)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
