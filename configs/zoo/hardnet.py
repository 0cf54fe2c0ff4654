"""FC-HarDNet-70 (arXiv 1909.00948) on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="HarDNetEncoder"),
    neck=dict(type="HarDNetDecoder", inputs=["backbone"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], depth=0)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full", loss_th=0.3, min_kept=4096),
    labels=dict(stride=4, upsample=4),
))

train_geometry = dict(resize_type="none", crop_hw=[1024, 1024], scale_range=[0.5, 2.0], scale_step=0.25)
solver = _sgd_poly(iterations=90_000, lr=0.02, weight_decay=5e-4, batch_size=16)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
