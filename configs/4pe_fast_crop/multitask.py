"""4pe_fast_crop: the tasks and the window of 4pe_crop on RepNet, the twin of 4pe_fast.

Their answers are merged: `mtzoo predict --resize M1 --crop M2`.
"""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(_tasks)
tasks.pop("seg_default")
