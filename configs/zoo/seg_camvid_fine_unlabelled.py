"""seg_camvid_fine trained as in zoo/seg_camvid_unlabelled: from seg_camvid's weights, with a teacher and frames that nobody labelled.

    export UNLABELLED=FRAMES
    mtzoo train --config zoo/seg_camvid_fine_unlabelled --checkpoint zoo:seg_camvid --distill-from zoo:seg_camvid_mobilenetv2
"""

from mmengine.config import read_base

with read_base():
    from ..common.unlabelled import _with_unlabelled
    from .seg_camvid_fine import *

_with_unlabelled(sources, tasks, solver)
