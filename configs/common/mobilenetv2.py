"""torchvision's MobileNetV2 in place of RepNet, with RepNet's neck and towers: slower, and more accurate from trained weights.

A config replaces its nodes of these names.
"""

_mobilenetv2 = dict(
    backbone=dict(type="Torchvision", name="mobilenet_v2", features=["features.3", "features.6", "features.13", "features.17"]),
    neck=dict(type="RepNeck", inputs=["backbone.features.6", "backbone.features.13", "backbone.features.17"], channels=96),
    seg_tower=dict(type="RepSegmentationTower", inputs=["backbone.features.3", "neck"], strides=[4, 8], channels=48),
)
