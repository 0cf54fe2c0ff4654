"""DeepLabV3+ on MobileNetV2 with ASPP and decoder (arXiv 1802.02611, 1801.04381), on Cityscapes."""

from mmengine.config import read_base

with read_base():
    from .deeplabv3p_mobilenetv2 import *

nodes.update(
    aspp=dict(type="ASPP", inputs=["backbone.features.17"], dilations=[6, 12, 18]),
    decoder=dict(type="DeepLabV3PlusDecoder", inputs=["backbone.features.3.conv.1", "aspp"]),
)

tasks["seg"].update(
    nodes=["backbone", "aspp", "decoder", dict(name="last_conv", type="FCNHead", inputs=["decoder"], depth=0)],
    labels=dict(stride=4, upsample=4),
)

fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.aspp.*", "nodes.decoder.*"], 2: ["nodes.*"]}
