"""The 4pe_resize network on a set that `mtzoo data convert` wrote: name its folder and the tasks it has labels for.

    mtzoo quant-train --config converted/multitask --tasks det_person,seg_default --cfg-options data_root=DIR

seg_paint (lane paint of any style) and seg_drivable (BDD100K) stand beside the six tasks.
"""

from mmengine.config import read_base

with read_base():
    from ..common.converted import data_root, sources
    from ..common.resize import *
    from ..common.tasks import _segmentation_loss, _tasks

tasks = dict(_tasks)
for _name, _source, _classes in (("seg_paint", "paint", ["background", "paint"]),
                                 ("seg_drivable", "drivable", ["direct", "alternative", "background"])):
    tasks[_name] = dict(
        kind="segmentation", classes=_classes, train=[_source + "_train"], val=[_source + "_val"], loss=_segmentation_loss,
        nodes=["backbone", "neck",
               dict(name=_name + "_head", type="DenseSegmentationHead", inputs=["neck"], strides=[4, 8], channels=32)])
