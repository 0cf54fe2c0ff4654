"""Semantic segmentation, CamVid's 11 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_default=dict(
    kind="segmentation",
    classes=["sky", "building", "pole", "road", "sidewalk", "vegetation", "sign", "fence", "vehicle", "person", "cyclist"],
    nodes=["backbone", "neck",
           dict(name="seg_default_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=48,
                depth=1, factor=2)],
    train=["camvid_seg"],
    val=["camvid_seg_val", "camvid_seg_test"],
    loss=dict(type="SegmentationLoss", weight=1.0, lovasz_weight=1.0, logit_upsample=2,
              class_weights=[1.0, 1.0, 4.0, 1.0, 1.5, 1.0, 4.0, 2.5, 1.5, 4.0, 4.0]),
    labels=dict(upsample=2),
))
