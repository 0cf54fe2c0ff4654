"""DeepLabV3+ (arXiv 1802.02611) on ResNet50-vd with output stride 8, on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    backbone=dict(type="ResNetVD", depth=50, output_stride=8, multi_grid=[1, 2, 4]),
    aspp=dict(type="ASPP", inputs=["backbone.stage4"], dilations=[12, 24, 36]),
    decoder=dict(type="DeepLabV3PlusDecoder", inputs=["backbone.stage1", "aspp"]),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "aspp", "decoder", dict(name="seg_head", type="FCNHead", inputs=["decoder"], depth=0)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=4, upsample=4),
))

solver = _sgd_poly()
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.aspp.*", "nodes.decoder.*"], 2: ["nodes.*"]}
