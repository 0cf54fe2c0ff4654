"""4pe_crop: the detection and lane branches of 4pe_resize on a window of the camera's full resolution, for what is far away.

Its answers and 4pe_resize's are merged: `mtzoo predict --resize M1 --crop M2`.
"""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(_tasks)
tasks.pop("seg_default")
