"""The 4pe_resize network on a set that `mtzoo data convert` wrote: name its folder and the tasks it has labels for.

    mtzoo quant-train --config converted/multitask --tasks det_person,seg_default --cfg-options data_root=DIR

seg_paint (lane paint of any style) and seg_drivable (BDD100K) stand beside the six tasks.
"""

from mmengine.config import read_base

with read_base():
    from ..common.converted import data_root, sources
    from ..common.resize import *

_detected = dict(
    det_cyclist_light=["cyclist", "traffic_light"],
    det_person=["person"],
    det_rear=["vehicle_rear", "vehicle_front"],
    det_vehicle_sign=["vehicle", "sign"],
)
_segmented = dict(
    seg_default=("seg", ["sky", "building", "pole", "road", "sidewalk",
                         "vegetation", "sign", "fence", "vehicle", "person", "cyclist", "traffic_light"]),
    seg_lane=("lane", ["background", "solid", "dashed", "curb"]),
    seg_paint=("paint", ["background", "paint"]),
    seg_drivable=("drivable", ["direct", "alternative", "background"]),
)

tasks = dict()
for _name, _classes in _detected.items():
    tasks[_name] = dict(
        kind="detection", classes=_classes, train=["boxes_train"], val=["boxes_val"], loss=_detection_loss, boxes=_boxes,
        nodes=["backbone", "neck",
               dict(name=_name + "_head", type="PerLocationDetectionHead", inputs=["neck"], strides=[8, 16, 32])])
for _name, (_source, _classes) in _segmented.items():
    tasks[_name] = dict(
        kind="segmentation", classes=_classes, train=[_source + "_train"], val=[_source + "_val"], loss=_segmentation_loss,
        nodes=["backbone", "neck",
               dict(name=_name + "_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)])
