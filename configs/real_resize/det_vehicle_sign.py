"""Whole vehicles (CamVid) and signs (both sets; CamVid counts traffic lights among them)."""

from mmengine.config import read_base

with read_base():
    from .utils import *

_camvid_names = dict(car="vehicle", sign_symbol="sign")
_sign_names = dict(speedlimit="sign", crosswalk="sign", stop="sign")
tasks = dict(det_vehicle_sign=dict(
    kind="detection",
    classes=["vehicle", "sign"],
    nodes=["backbone", "neck",
           dict(name="det_vehicle_sign_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])],
    train=[dict(sources["camvid"], name="camvid", categories=_camvid_names),
           dict(sources["signs"], name="signs", categories=_sign_names)],
    val=[dict(sources["camvid_val"], name="camvid_val", categories=_camvid_names),
         dict(sources["camvid_test"], name="camvid_test", categories=_camvid_names),
         dict(sources["signs_val"], name="signs_val", categories=_sign_names)],
    loss=_detection_loss,
    boxes=_boxes,
))
