"""seg_camvid trained on, with a teacher and with frames that nobody labelled. On these the network learns what its teacher says.

    export UNLABELLED=FRAMES
    mtzoo train --config zoo/seg_camvid_unlabelled --checkpoint CKPT --distill-from zoo:seg_camvid_mobilenetv2

CKPT is a float checkpoint of zoo/seg_camvid. FRAMES is a folder of street scenes, in which cars and persons are about as large as in
CamVid's frames of 480x360.
"""

from mmengine.config import read_base

with read_base():
    from .seg_camvid import *

# With 1,500 frames, half of all crops are of them.
sources["unlabelled"] = dict(type="UnlabelledImages", images="$UNLABELLED", weight=0.25)
tasks["seg"]["train"] = ["seg_train", "unlabelled"]

_float = solver[0]["float_phase"]
del _float["epochs"]
_float.update(iterations=2600, optimizer=dict(_adamw, lr=2e-3))
