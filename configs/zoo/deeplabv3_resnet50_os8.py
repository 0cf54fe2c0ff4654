"""DeepLabV3 (arXiv 1706.05587) on ResNet50-vd with output stride 8, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="ResNetVD", depth=50, output_stride=8, multi_grid=[1, 2, 4]),
    aspp=dict(type="ASPP", inputs=["backbone.stage4"], dilations=[12, 24, 36], separable=False),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "aspp", dict(name="seg_head", type="FCNHead", inputs=["aspp"], depth=0)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=8, upsample=8),
))

solver = _sgd_poly()
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.aspp.*"], 2: ["nodes.*"]}
