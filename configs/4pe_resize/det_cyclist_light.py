"""Cyclists and traffic lights."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_cyclist_light=dict(
    kind="detection",
    classes=["cyclist", "traffic_light"],
    nodes=["backbone", "neck",
           dict(name="det_cyclist_light_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=["synth_boxes_train"],
    val=["synth_boxes_val"],
    loss=_detection_loss,
    boxes=_boxes,
))
