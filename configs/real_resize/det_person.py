"""People on foot."""

from mmengine.config import read_base

with read_base():
    from .utils import *

_person = dict(pedestrian="person")
tasks = dict(det_person=dict(
    kind="detection",
    classes=["person"],
    nodes=["backbone", "neck",
           dict(name="det_person_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=[dict(sources["camvid"], name="camvid", categories=_person)],
    val=[dict(sources["camvid_val"], name="camvid_val", categories=_person),
         dict(sources["camvid_test"], name="camvid_test", categories=_person)],
    loss=_detection_loss,
    boxes=_boxes,
))
