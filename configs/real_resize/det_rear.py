"""Rears and fronts of vehicles: no real labels exist, synthetic scenes serve."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_rear=dict(
    kind="detection",
    classes=["vehicle_rear", "vehicle_front"],
    nodes=["backbone", "neck",
           dict(name="det_rear_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=["synth"],
    val=["synth_val"],
    loss=_detection_loss,
    boxes=_boxes,
))
