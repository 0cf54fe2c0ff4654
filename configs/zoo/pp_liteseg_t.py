"""PP-LiteSeg-T (arXiv 2204.02681), on STDC1, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="STDC", layers=[2, 2, 2]),
    context=dict(type="SPPM", inputs=["backbone.stage5"]),
    neck=dict(type="UAFMDecoder", inputs=["backbone.stage3", "backbone.stage4", "backbone.stage5", "context"], channels=[32, 64, 128]),
)

_head = dict(type="FCNHead", classifier_bias=False)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "context", "neck", dict(_head, name="seg_head", inputs=["neck.up0"], channels=32)],
    auxiliary=[dict(node=dict(_head, name=f"seg_{_name}", inputs=[f"neck.{_name}"], channels=64), weight=1.0) for _name in ("up1", "up2")],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full", ohem_thresh=0.7, min_kept=1 / 16),
    labels=dict(stride=8, upsample=8),
))

train_geometry = dict(resize_type="none", crop_hw=[512, 1024], scale_range=[0.125, 1.5], scale_step=0.125)
photometric = dict(photometric, brightness=0.5, contrast=0.5, saturation=0.5)
solver = _sgd_poly(iterations=160_000, lr=5e-3, weight_decay=5e-4, batch_size=16, warmup_iterations=1000, warmup_ratio=2e-3)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.context.*", "nodes.neck.*"], 2: ["nodes.*"]}
