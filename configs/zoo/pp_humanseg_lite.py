"""PP-HumanSeg-Lite (arXiv 2112.07146): persons, in landscape portraits of 224x400."""

from mmengine.config import read_base

with read_base():
    from ..common.human_seg import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="PPHumanSegLite"),
    neck=dict(type="PPHumanSegDecoder", inputs=["backbone"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], depth=0)],
    loss=dict(type="SegmentationLoss", ce_weight=0.8, lovasz_weight=0.2, logit_upsample="full"),
    labels=dict(stride=2, upsample=2),
))

solver = _sgd_poly(iterations=2_000, lr=0.05, weight_decay=5e-4, batch_size=32)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
