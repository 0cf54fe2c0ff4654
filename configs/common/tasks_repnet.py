"""RepNet in place of VarGNetV2: a network made for matrix units, and the six tasks on towers that they share.

A config imports it behind its geometry and the tasks of `tasks.py`.
"""

from mmengine.config import read_base

with read_base():
    from .tasks import _tasks

nodes = dict(
    backbone=dict(type="RepNet", size="small"),
    neck=dict(type="RepNeck", inputs=["backbone.s8", "backbone.s16", "backbone.s32"]),
    det_tower=dict(type="RepDetectionTower", inputs=["neck"], strides=[8, 16, 32]),
    seg_tower=dict(type="RepSegmentationTower", inputs=["backbone.s4", "neck"], strides=[4, 8], channels=32),
)

for _name, _task in _tasks.items():
    if _task["kind"] == "detection":
        _head = dict(name=f"{_name}_head", type="PerLocationDetectionHead", inputs=["det_tower"], strides=[8, 16, 32], depth=0)
        _task["nodes"] = ["backbone", "neck", "det_tower", _head]
    else:
        _head = dict(name=f"{_name}_head", type="FCNHead", inputs=["seg_tower"], depth=0)
        _task["nodes"] = ["backbone", "neck", "seg_tower", _head]
