"""RepNet small on CamVid: the network of the zoo for street scenes of which every pixel is labelled, from random weights."""

from mmengine.config import read_base

with read_base():
    from ..common.camvid import *

nodes = dict(
    backbone=dict(type="RepNet", size="small", stem="convs"),
    neck=dict(type="RepNeck", inputs=["backbone.s8", "backbone.s16", "backbone.s32"]),
    seg_tower=dict(type="RepSegmentationTower", inputs=["backbone.s4", "neck"], strides=[4, 8], channels=48),
)

tasks = dict(seg=dict(
    _seg,
    nodes=["backbone", "neck", "seg_tower", dict(name="seg_head", type="FCNHead", inputs=["seg_tower"], depth=0)],
    auxiliary=[dict(node=dict(name="seg_aux16", type="FCNHead", inputs=["backbone.s16"], channels=64), weight=0.4)],
    loss=dict(type="SegmentationLoss", weight=1.0, lovasz_weight=0.5, logit_upsample=4,
              class_weights=[1.0, 1.0, 3.0, 1.0, 1.5, 1.0, 3.0, 2.0, 1.5, 3.0, 3.0]),
    labels=dict(stride=4, upsample=4),
))

train_geometry.update(crop_hw=[256, 384], scale_range=[0.7, 1.8])
augmentation = dict(copy_paste=dict(prob=0.3, classes=dict(seg=["pole", "sign", "person", "cyclist"])))

_adamw = dict(type="AdamW", lr=3e-3, weight_decay=0.05)
_fine = dict(type="AdamW", lr=2e-4, weight_decay=0.02)
_cosine = dict(type="cosine", warmup_iterations=200)
solver = [
    dict(prefix="with-bn",
         float_phase=dict(epochs=120, batch_size=16, optimizer=_adamw, schedule=_cosine, ema=dict(decay=0.998, warmup_iterations=300),
                          validation=dict(every_epochs=10)),
         quant_phase=dict(epochs=6, batch_size=16, optimizer=_fine, schedule=_cosine)),
    dict(prefix="fusion-bn-c1",
         quant_phase=dict(epochs=3, batch_size=16, optimizer=dict(_fine, lr=1e-4), schedule=_cosine)),
    dict(prefix="fusion-bn-c2",
         quant_phase=dict(epochs=3, batch_size=16, optimizer=dict(_fine, lr=5e-5), schedule=_cosine)),
    dict(prefix="int-inference"),
]
fusion_bn_patterns = {1: ["nodes.backbone.*", "nodes.neck.*"], 2: ["nodes.*"]}

# Ranges that cover outliers cost 5 points with MobileNetV2 on test_seen_drive.
quantization = dict(observer="mse")
