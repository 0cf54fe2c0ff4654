"""GCNet (arXiv 1904.11492) on ResNet50-vd with output stride 8, on Cityscapes; BN where the paper has LayerNorm."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="ResNetVD", depth=50, output_stride=8),
    neck=dict(type="GlobalContextNeck", inputs=["backbone.stage4"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", dict(name="seg_head", type="FCNHead", inputs=["neck"], depth=0)],
    auxiliary=[dict(node=dict(name="seg_aux", type="FCNHead", inputs=["backbone.stage3"], channels=256), weight=0.4)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=8, upsample=8),
))

solver = _sgd_poly(min_lr_ratio=1e-3)
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}
