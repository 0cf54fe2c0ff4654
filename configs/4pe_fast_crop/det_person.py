"""People on foot, far away."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_person=_tasks["det_person"])
