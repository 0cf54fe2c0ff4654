"""Semantic segmentation, 12 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_default=dict(
    kind="segmentation",
    classes=["sky", "building", "pole", "road", "sidewalk",
             "vegetation", "sign", "fence", "vehicle", "person", "cyclist", "traffic_light"],
    nodes=["backbone", "neck",
           dict(name="seg_default_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
    train=["synth_seg_train"],
    val=["synth_seg_val"],
    loss=_segmentation_loss,
))

int_inference_export_input_shape = dict(image=(1, 3, 512, 960))  # no boxes here, so no im_hw
