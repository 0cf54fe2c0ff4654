"""Cyclists (CamVid) and traffic lights (road signs): each image labels one of the two."""

from mmengine.config import read_base

with read_base():
    from .utils import *

_cyclist, _light = dict(bicyclist="cyclist"), dict(trafficlight="traffic_light")
tasks = dict(det_cyclist_light=dict(
    kind="detection",
    classes=["cyclist", "traffic_light"],
    nodes=["backbone", "neck",
           dict(name="det_cyclist_light_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=[dict(sources["camvid"], name="camvid", categories=_cyclist),
           dict(sources["signs"], name="signs", categories=_light)],
    val=[dict(sources["camvid_val"], name="camvid_val", categories=_cyclist),
         dict(sources["camvid_test"], name="camvid_test", categories=_cyclist),
         dict(sources["signs_val"], name="signs_val", categories=_light)],
    loss=_detection_loss,
    boxes=_boxes,
))
