"""Lane paint: a teacher's guesses on CamVid, the truth on synthetic scenes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_lane=dict(
    kind="segmentation",
    classes=["background", "paint"],
    nodes=["backbone", "neck",
           dict(name="seg_lane_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
    train=["camvid_lane", "synth_lane"],
    val=["camvid_lane_val", "camvid_lane_test"],
    loss=dict(type="SegmentationLoss", weight=0.5, lovasz_weight=0.5, logit_upsample=2, class_weights=[1.0, 3.0]),
    labels=dict(upsample=2),
))
