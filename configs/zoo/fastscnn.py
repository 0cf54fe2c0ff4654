"""Fast-SCNN (arXiv 1902.04502) on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="FastSCNN"),
    neck=dict(type="FeatureFusionModule", inputs=["backbone"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], channels=128, depth=2, separable=True)],
    auxiliary=[dict(node=dict(name="seg_high", type="FCNHead", inputs=["backbone.high"], channels=32), weight=0.4)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=8, upsample=8),
))

train_geometry = dict(resize_type="none", crop_hw=[1024, 1024], scale_range=[0.5, 2.0], scale_step=0.25)
solver = _sgd_poly(iterations=160_000, lr=0.05, batch_size=16, min_lr_ratio=2e-3)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
