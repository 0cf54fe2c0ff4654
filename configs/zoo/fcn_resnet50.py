"""FCN (arXiv 1411.4038) on ResNet50-vd with output stride 8, as mmsegmentation has it, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(backbone=dict(type="ResNetVD", depth=50, output_stride=8))

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone",
           dict(name="seg_head", type="FCNHead", inputs=["backbone.stage4"], channels=512, depth=2, concat_input=True)],
    auxiliary=[dict(node=dict(name="seg_aux", type="FCNHead", inputs=["backbone.stage3"], channels=256), weight=0.4)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=8, upsample=8),
))

solver = _sgd_poly(weight_decay=5e-4, min_lr_ratio=0.01)
fusion_bn_patterns = {1: ["nodes.backbone.*"], 2: ["nodes.*"]}
