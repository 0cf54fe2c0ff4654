"""DeepLabV3+ on MobileNetV2 without ASPP and decoder (arXiv 1802.02611, 1801.04381), on Cityscapes: a classifier on stride 16.

`mtzoo quant --not_quant_pattern last_conv` keeps the classifier in float; the four steps of `quant-train` make it integers, too.
"""

from mmengine.config import read_base

with read_base():
    from ..common.cityscapes import *
    from ..common.schedules import _sgd_poly

nodes = dict(
    # stride 16 by dilation in the stage of 160 channels, as in the paper
    backbone=dict(type="Torchvision", name="mobilenet_v2", output_stride=16, features=["features.3.conv.1", "features.17"],
                  weights="imagenet"),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", dict(name="last_conv", type="FCNHead", inputs=["backbone.features.17"], depth=0)],
    loss=dict(type="SegmentationLoss", lovasz_weight=0.0, logit_upsample="full"),
    labels=dict(stride=16, upsample=16),
))

train_geometry = dict(resize_type="none", crop_hw=[768, 768], scale_range=[0.5, 2.0], scale_step=0.25)
solver = _sgd_poly(iterations=18_600, batch_size=16)  # 100 epochs
fusion_bn_patterns = {1: ["nodes.backbone.*"], 2: ["nodes.*"]}
