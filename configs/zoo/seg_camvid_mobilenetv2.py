"""MobileNetV2 from ImageNet weights with RepNet's neck and towers on CamVid; logits at stride 2.

The backbone's weights: --cfg-options nodes.backbone.weights=FILE, or torchvision's own where it can download them.
"""

from mmengine.config import read_base

with read_base():
    from .seg_camvid import *

nodes = dict(
    backbone=dict(type="Torchvision", name="mobilenet_v2", weights="imagenet",
                  features=["features.1", "features.3", "features.6", "features.13", "features.17"]),
    neck=dict(type="RepNeck", inputs=["backbone.features.6", "backbone.features.13", "backbone.features.17"], channels=96),
    seg_tower=dict(type="RepSegmentationTower", inputs=["backbone.features.3", "neck"], strides=[4, 8], channels=48),
    seg_detail=dict(type="RepSegmentationTower", inputs=["backbone.features.1", "seg_tower"], strides=[2, 4], channels=24),
)

tasks["seg"].update(
    nodes=["backbone", "neck", "seg_tower", "seg_detail", dict(name="seg_head", type="FCNHead", inputs=["seg_detail"], depth=1)],
    auxiliary=[dict(node=dict(name="seg_aux16", type="FCNHead", inputs=["backbone.features.13"], channels=64), weight=0.4)],
    labels=dict(stride=2, upsample=2),
)
tasks["seg"]["loss"].update(logit_upsample=2, class_weights=[1.0, 1.0, 3.0, 1.0, 1.2, 1.0, 3.0, 1.5, 1.0, 2.0, 2.0])
solver[0]["float_phase"].update(
    epochs=60, optimizer=dict(_adamw, lr=2e-3, multipliers=dict(backbone=dict(lr=0.25))), validation=dict(every_epochs=10))
