"""BiSeNetV2 (arXiv 2004.02147) on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="BiSeNetV2"),
    neck=dict(type="BilateralGuidedAggregation", inputs=["backbone.detail", "backbone.semantic"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], channels=128)],  # the paper: channels=1024
    auxiliary=[dict(node=dict(name=f"seg_{_name}", type="FCNHead", inputs=[f"backbone.{_name}"]), weight=1.0)
               for _name in ("stem", "stage3", "stage4", "stage5")],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full", ohem_thresh=0.7, min_kept=1 / 16),
    labels=dict(stride=8, upsample=8),
))

train_geometry = dict(resize_type="none", crop_hw=[512, 1024], scale_range=[0.25, 2.0])
solver = _sgd_poly(iterations=150_000, lr=5e-3, weight_decay=5e-4, batch_size=16, warmup_iterations=1000, warmup_ratio=0.1,
                   warmup="exponential")
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
