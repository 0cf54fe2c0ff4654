"""Lane paint and curbs, 4 classes."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(seg_lane=_tasks["seg_lane"])
