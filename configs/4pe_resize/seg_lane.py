"""Lane paint and curbs, 4 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_lane=dict(
    kind="segmentation",
    classes=["background", "solid", "dashed", "curb"],
    nodes=["backbone", "neck",
           dict(name="seg_lane_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)],
    train=["synth_lane_train"],
    val=["synth_lane_val"],
    loss=_segmentation_loss,
))

int_inference_export_input_shape = dict(image=(1, 3, 512, 960))  # no boxes here, so no im_hw
