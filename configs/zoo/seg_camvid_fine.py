"""seg_camvid with a second tower, whose logits have stride 2: better on poles and signs, slower. It starts from seg_camvid's weights."""

from mmengine.config import read_base

with read_base():
    from .seg_camvid import *

nodes["seg_detail"] = dict(type="RepSegmentationTower", inputs=["backbone.s2", "seg_tower"], strides=[2, 4], channels=24)

tasks["seg"].update(
    nodes=["backbone", "neck", "seg_tower", "seg_detail", dict(name="seg_head", type="FCNHead", inputs=["seg_detail"], depth=1)],
    labels=dict(stride=2, upsample=2),
)
tasks["seg"]["loss"].update(logit_upsample=2)
