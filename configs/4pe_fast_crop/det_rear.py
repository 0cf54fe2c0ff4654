"""Rears and fronts of vehicles, far away."""

from mmengine.config import read_base

with read_base():
    from .utils import *

tasks = dict(det_rear=_tasks["det_rear"])
