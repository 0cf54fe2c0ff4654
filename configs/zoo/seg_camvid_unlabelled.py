"""seg_camvid trained on, with a teacher and with frames that nobody labelled. On these the network learns what its teacher says.

    export UNLABELLED=FRAMES
    mtzoo train --config zoo/seg_camvid_unlabelled --checkpoint CKPT --distill-from zoo:seg_camvid_mobilenetv2

CKPT is a float checkpoint of zoo/seg_camvid. FRAMES is a folder of street scenes, in which cars and persons are about as large as in
CamVid's frames of 480x360.
"""

from mmengine.config import read_base

with read_base():
    from ..common.unlabelled import _with_unlabelled
    from .seg_camvid import *

_with_unlabelled(sources, tasks, solver)
