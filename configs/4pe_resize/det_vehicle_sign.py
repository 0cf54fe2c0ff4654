"""Whole vehicles and traffic signs."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_vehicle_sign=dict(
    kind="detection",
    classes=["vehicle", "sign"],
    nodes=["backbone", "neck",
           dict(name="det_vehicle_sign_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=["synth_boxes_train"],
    val=["synth_boxes_val"],
    loss=_detection_loss,
    boxes=_boxes,
))
